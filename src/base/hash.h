// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace kith {

/// The hash that places keys: XXH3-64 with the seed kPlacementSeed. Fixed for ever, because every
/// node and every release must compute the same one; vectors in docs/protocol.md.
std::uint64_t placement_hash(std::string_view bytes);

/// XXH3-64 with a seed of the caller's, for checksums and derived hashes.
std::uint64_t hash_with_seed(std::string_view bytes, std::uint64_t seed);

/// "kith" in ASCII, repeated.
inline constexpr std::uint64_t kPlacementSeed = 0x6b6974686b697468;

/// A bijection that spreads every input bit over the whole word: splitmix64's finalizer.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  x ^= x >> 31;
  return x;
}

inline NodeId node_id(std::string_view name) { return NodeId{placement_hash(name)}; }
inline CacheId cache_id(std::string_view name) { return CacheId{placement_hash(name)}; }

/// The slot of a key with this placement hash: its top 16 bits.
constexpr SlotIndex slot_of(std::uint64_t key_hash) {
  return SlotIndex{static_cast<std::uint16_t>(key_hash >> 48)};
}

}  // namespace kith
