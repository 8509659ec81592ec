// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/value.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"

namespace kith {

/// A key's bytes, borrowed, with their placement hash, so that a key is hashed once on its way.
struct KeyView {
  std::string_view bytes;
  std::uint64_t hash = 0;

  static KeyView of(std::string_view bytes) { return {bytes, placement_hash(bytes)}; }
  SlotIndex slot() const { return slot_of(hash); }

  friend bool operator==(const KeyView& a, const KeyView& b) {
    return a.hash == b.hash && a.bytes == b.bytes;
  }
};

/// A key that keeps its bytes alive, by reference count.
struct Key {
  Value bytes;
  std::uint64_t hash = 0;

  static Key copy_of(KeyView key) { return {Value::copy_of(key.bytes), key.hash}; }
  KeyView view() const { return {bytes.view(), hash}; }
};

/// Hash and equality of keys for containers that look up by KeyView and own Key.
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(const KeyView& key) const { return static_cast<std::size_t>(key.hash); }
  std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key.hash); }
};
struct KeyEqual {
  using is_transparent = void;
  static KeyView view(const KeyView& key) { return key; }
  static KeyView view(const Key& key) { return key.view(); }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return view(a) == view(b);
  }
};

}  // namespace kith
