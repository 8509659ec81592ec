// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "script.h"
#include "tile_key.h"

namespace tiles {

inline constexpr std::size_t kSources = 4;

/// The bytes that each tile had when it was seen first. Whoever serves it, whenever, must send the
/// same ones.
class Gallery {
 public:
  /// Empty when `body` is the tile's picture, else what is wrong with it.
  std::string objection(const TileKey& tile, const std::string& body);

 private:
  std::map<TileKey, std::string> seen_;
};

/// What an audience met with.
struct Experience {
  std::size_t requests = 0;
  std::size_t errors = 0;
  /// The first few, in words.
  std::vector<std::string> complaints;
  /// Microseconds from sending a request to having its whole answer, by kith::Source.
  std::array<std::vector<std::uint32_t>, kSources> latencies;
  /// The owner that the answers named, by tile: one entry per different tile.
  std::map<TileKey, std::string> owners;
  std::vector<std::size_t> requests_by_server;
  bool interrupted = false;
};

/// Sends the audience of `script` to `servers` ("1.2.3.4:port"): viewer i has one keep-alive
/// connection to server i modulo their number, and asks for one tile after the other. Every answer
/// is held against `gallery`. Runs on the calling thread until all have seen all, or `go_on`, which
/// is called ten times a second, says no.
Experience play(const std::vector<Visit>& script, const std::vector<std::string>& servers,
                Gallery& gallery, const std::function<bool(const Experience&)>& go_on);

}  // namespace tiles
