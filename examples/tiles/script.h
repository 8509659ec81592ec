// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "tile_key.h"

namespace tiles {

/// A look at the map: what a browser window of kViewColumns by kViewRows tiles asks for, in order.
struct View {
  std::vector<TileKey> tiles;
  /// How long the viewer looks at it before moving on.
  std::chrono::milliseconds pause{0};
};

/// All that one viewer does.
using Visit = std::vector<View>;

struct ScriptOptions {
  std::uint64_t seed = 1;
  std::size_t viewers = 48;
  std::size_t views_each = 30;
  /// How many of the known sights are visited, 1 to kSights; the first is the most popular, the
  /// n-th n times less (Zipf).
  std::size_t sights = 6;
  /// Zoom levels that a viewer uses around a sight. At least 1.
  int depth = 3;
  std::chrono::milliseconds shortest_pause{80};
  std::chrono::milliseconds longest_pause{240};
};

inline constexpr std::size_t kSights = 8;
inline constexpr int kViewColumns = 3;
inline constexpr int kViewRows = 2;

/// What an audience will ask for: each viewer wanders around one sight, panning and zooming, and
/// goes on to another. The same options give the same script, on every machine.
std::vector<Visit> write_script(const ScriptOptions& options);

/// Requests in a script.
std::size_t request_count(const std::vector<Visit>& script);

}  // namespace tiles
