// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wire/gossip/big_endian.h"

// How kith's own bytes inside memberlist's messages are written and read: numbers in big-endian
// order, strings behind a byte with their length.
namespace kith::membership {

/// What all of kith's bytes begin with, so that they are told from those of other programs.
inline constexpr std::string_view kMagic = "kith";

class FieldWriter {
 public:
  void number(std::uint64_t value, std::size_t width) {
    wire::gossip::put_big_endian(value, width, bytes_);
  }
  /// At most 255 bytes.
  void text(std::string_view value) {
    number(value.size(), 1);
    bytes_ += value;
  }
  void raw(std::string_view value) { bytes_ += value; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what may be cut short or wrong: a read that finds too little returns nothing (0 or empty)
/// and makes the reader bad for good.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : left_(bytes) {}

  std::uint64_t number(std::size_t width) {
    const std::string_view bytes = raw(width);
    return good_ ? wire::gossip::get_big_endian(bytes, width) : 0;
  }
  template <class Number>
  Number of(std::size_t width = sizeof(Number)) {
    return static_cast<Number>(number(width));
  }
  std::string_view text() { return raw(of<std::uint8_t>()); }
  std::string_view raw(std::size_t size) {
    if (size > left_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  bool good() const { return good_; }
  std::size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

}  // namespace kith::membership
