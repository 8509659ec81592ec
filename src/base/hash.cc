// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kith {

std::uint64_t placement_hash(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kPlacementSeed);
}

namespace {

[[gnu::noinline]] std::uint64_t hash_of_many(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

std::uint64_t hash_with_seed(std::string_view bytes, std::uint64_t seed) {
  // The same hash; but a function that is compiled for short keys alone saves no registers.
  constexpr std::size_t kShort = 16;
  if (bytes.size() > kShort) return hash_of_many(bytes, seed);
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace kith
