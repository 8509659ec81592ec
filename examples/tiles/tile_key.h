// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tiles {

/// A tile of the map: at zoom z the map is cut into 2^z by 2^z tiles, x to the right, y downwards.
struct TileKey {
  int zoom = 0;
  std::uint32_t x = 0;
  std::uint32_t y = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 mistakes what the compiler generates
  friend auto operator<=>(const TileKey&, const TileKey&) = default;
};

/// Deeper than this, a double can no longer tell a tile's pixels apart well.
inline constexpr int kMaxZoom = 30;

/// "z/x/y": the tile's key in the cache.
std::string to_string(const TileKey& tile);

/// Reads what to_string writes and nothing else, so that each tile has exactly one key: no signs,
/// leading zeros or blanks; zoom 0 to kMaxZoom; x and y below 2^zoom. Errors: invalid_argument, in
/// words for whoever typed it.
kith::Result<TileKey> parse_tile_key(std::string_view text);

/// Reads "/tiles/{z}/{x}/{y}.png". Errors: as parse_tile_key.
kith::Result<TileKey> parse_tile_path(std::string_view path);

}  // namespace tiles
