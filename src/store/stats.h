// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kith::store {

struct StoreStats {
  std::uint64_t entries = 0;
  /// What the entries take, their places in the index included.
  std::uint64_t bytes = 0;
  std::uint64_t mirror_bytes = 0;
  /// All the memory that the store has, used or not: what its budget bounds.
  std::uint64_t memory_bytes = 0;
  /// Puts of keys that had been evicted not long ago: with twice the memory they would be hits.
  std::uint64_t returns = 0;
  std::uint64_t evictions = 0;
  std::uint64_t expirations = 0;
  std::uint64_t rejected = 0;  ///< Entries larger than a shard can hold.
};

}  // namespace kith::store
