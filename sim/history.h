// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fetch/actions.h"

// What checkers are told of a simulation.
namespace kith::sim {

/// Names a node by its place in the simulation, 0 to N-1; a restarted node keeps it.
using NodeIndex = std::size_t;

/// A key of the simulation, in one of its caches.
struct KeyPlan {
  std::string bytes;
  std::size_t cache = 0;
  /// Size of its values: 0, or at least 16.
  std::size_t value_bytes = 64;
};

/// A user's request.
struct Request {
  fetch::Ticket ticket;
  NodeIndex node = 0;
  std::size_t key = 0;  ///< Index into the keys of the simulation.
  TimePoint issued = {};
  TimePoint deadline = {};
  bool withdrawable = false;
  /// Sent after all faults stopped, to see whether everything works again.
  bool probe = false;
  std::optional<TimePoint> withdrawn = {};
  std::optional<TimePoint> ended = {};
  /// Its node died with it: it never ends.
  bool lost = false;
};

/// A call of the loader.
struct Load {
  std::uint64_t serial = 0;  ///< Across the simulation, from 1.
  NodeIndex node = 0;
  fetch::LoadId id;
  std::size_t key = 0;
  TimePoint started = {};
  TimePoint deadline = {};
  std::optional<TimePoint> answered = {};
  std::optional<TimePoint> cancelled = {};
  /// Its node died, or gave it up.
  bool lost = false;
};

/// What a node is found to have when the simulation ends.
struct Remains {
  NodeIndex node = 0;
  bool idle = true;
  /// Requests that it still counts as under way to all others together.
  std::size_t expected = 0;
  /// Other nodes that it takes for unreachable.
  std::size_t unreachable = 0;
};

}  // namespace kith::sim
