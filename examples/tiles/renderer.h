// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tile_key.h"

namespace tiles {

inline constexpr int kTileSide = 256;

/// A picture of kTileSide by kTileSide pixels: red, green and blue bytes, row after row.
struct Rendering {
  std::vector<std::uint8_t> rgb;
  /// Steps of the fractal's formula that were computed: what the picture cost, without a clock.
  std::uint64_t iterations = 0;
};

/// Draws a tile of a map of the Mandelbrot set. Pure: the same tile gives the same bytes in every
/// process of one build. Takes some ten milliseconds of one core, which is the point: it stands
/// for any result that is dear to compute and cheap to keep.
Rendering render(const TileKey& tile);

}  // namespace tiles
