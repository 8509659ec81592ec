// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/entry.h"
#include "base/hash.h"

namespace kith::store {

/// The bytes of one version of one key. Every word depends on all three, so that neither a part of
/// them nor those of another version or key pass for them.
class Content {
 public:
  Content(std::uint64_t key, std::uint64_t version, std::size_t size)
      : seed_(mix64(key ^ mix64(version ^ mix64(size)))), size_(size) {}

  Value value() const {
    std::byte* bytes = nullptr;
    Value value = Value::uninitialized(size_, &bytes);
    for_each_word([&](std::size_t offset, std::uint64_t word, std::size_t length) {
      std::memcpy(bytes + offset, &word, length);
      return true;
    });
    return value;
  }

  bool is(std::string_view bytes) const {
    return bytes.size() == size_ &&
           for_each_word([&](std::size_t offset, std::uint64_t word, std::size_t length) {
             return std::memcmp(bytes.data() + offset, &word, length) == 0;
           });
  }

 private:
  template <class Fn>
  bool for_each_word(Fn&& fn) const {
    std::uint64_t word = seed_;
    for (std::size_t offset = 0; offset < size_; offset += sizeof word) {
      if (!fn(offset, word, std::min(sizeof word, size_ - offset))) return false;
      word = word * 0x9e3779b97f4a7c15 + 1;
    }
    return true;
  }

  std::uint64_t seed_;
  std::size_t size_;
};

inline Entry entry_of(std::uint64_t key, std::uint64_t version, std::size_t size) {
  Entry entry;
  entry.version.sequence = version;
  entry.value = Content(key, version, size).value();
  return entry;
}

inline bool is_whole(std::uint64_t key, std::uint64_t version, std::string_view bytes) {
  return Content(key, version, bytes.size()).is(bytes);
}

inline bool is_whole(std::uint64_t key, const Entry& entry) {
  return is_whole(key, entry.version.sequence, entry.value.view());
}

}  // namespace kith::store
