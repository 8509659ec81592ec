// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/hash.h"
#include "store/item.h"
#include "store/memory/arena.h"

namespace kith::store {

/// The items of an arena, by their handles, and what follows from them.
class Items {
 public:
  /// What an entry costs beside its slot: 8 bytes in the index, of whose places 0.8 to 0.9 are
  /// taken, and two ghosts.
  static constexpr std::uint64_t kIndexBytes = 14;

  Items(const Arena& arena, std::uint64_t hash_seed)
      : begin_(static_cast<std::byte*>(arena.at(0))), arena_(arena), hash_seed_(hash_seed) {}

  Item& operator[](Handle handle) const {
    return *reinterpret_cast<Item*>(begin_ + std::size_t{handle} * kGranuleBytes);
  }
  /// Bytes of memory that would not be needed without the item.
  std::uint64_t charge(const Item& item) const {
    const Extension* extension = item.extension();
    return arena_.slot_bytes(item.bytes()) + kIndexBytes +
           (extension == nullptr ? 0 : extension->charge);
  }
  /// Differs from process to process: see StoreOptions::hash_seed.
  std::uint64_t hash(std::string_view key) const { return hash_with_seed(key, hash_seed_); }
  std::uint64_t hash(const Item& item) const { return hash(item.key()); }

 private:
  std::byte* const begin_;
  const Arena& arena_;
  const std::uint64_t hash_seed_;
};

}  // namespace kith::store
