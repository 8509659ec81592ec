// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace kith::api {

/// One cache's part in the node's memory. In bytes.
struct MemoryShare {
  /// CacheOptions::memory_bytes, or what resize() made of it.
  std::uint64_t promised = 0;
  bool elastic = false;
  /// What the cache has now.
  std::uint64_t used = 0;
  /// Since the last time: entries that came back after they had had to leave (StoreStats::returns).
  std::uint64_t returns = 0;
  /// What an elastic cache has beyond the promise. Kept from one time to the next.
  std::uint64_t extra = 0;
  /// The result: what the cache may have.
  std::uint64_t budget = 0;
};

/// Divides the `available` bytes of a node among its caches: called again and again, a second
/// apart. Each gets what it was promised; when requests and connections have taken of that, all
/// give in proportion. What nobody was promised goes to the elastic caches: first to those that are
/// full, then step by step from the one that misses its memory least to the one that misses it most
/// (the gradient of hits by bytes, as in Cliffhanger, Cidon et al., NSDI 2016; what is measured
/// is how many entries come back that had to leave). Pure.
void divide_memory(std::uint64_t available, std::span<MemoryShare> shares);

}  // namespace kith::api
