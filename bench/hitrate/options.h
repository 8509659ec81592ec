// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <span>
#include <string>
#include <vector>

#include "bench/hitrate/policies.h"
#include "bench/hitrate/replay.h"

namespace kith::bench::hitrate {

/// What the command line says.
struct Options {
  std::vector<std::string> files;
  /// Empty: from the files' names.
  std::string format;
  std::vector<CacheSize> sizes;
  std::vector<const PolicyKind*> policies;
  bool bound_objects = true;
  /// Of traces that have sizes.
  bool bound_bytes = true;
  std::size_t shards = 0;
  int jobs = 1;
  /// Empty: not written.
  std::string json;
  std::string svg;
  bool help = false;
};

/// Arguments without the program's name. An error says what is wrong with which of them.
Result<Options> parse_options(std::span<const std::string> arguments);

/// How to call the program.
std::string usage();

}  // namespace kith::bench::hitrate
