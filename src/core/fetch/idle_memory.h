// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

// Of hash maps that grow with requests under way, and are most often almost empty.
namespace kith::fetch {

/// About, of memory.
template <class Map>
std::size_t memory_of(const Map& map) {
  return map.capacity() * (sizeof(typename Map::value_type) + 1);
}

/// Gives the memory back that an empty map has from a time when it was large.
template <class Map>
void release_if_idle(Map& map) {
  constexpr std::size_t kKeptPlaces = 255;
  if (map.empty() && map.capacity() > kKeptPlaces) Map().swap(map);
}

}  // namespace kith::fetch
