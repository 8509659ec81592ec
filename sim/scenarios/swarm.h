// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "sim/simulation.h"

// What the scenarios draw from their seeds. Each run turns only some of the possible knobs: runs
// that turn all of them a little find less.
namespace kith::sim {

/// A number of nodes, at least `least`; small ones more often.
std::size_t draw_nodes(Rng& rng, std::size_t least, std::size_t most = 16);
/// Delays of one machine, one room or one continent; no faults.
LinkQuality draw_quality(Rng& rng);
/// Any sensible settings of a cache.
fetch::Options draw_options(Rng& rng);
/// Settings with which nothing expires and nothing is refused, in either kind of cache.
fetch::Options draw_lasting_options(Rng& rng);
/// Uniform between two spans of time.
Duration draw_between(Rng& rng, Duration low, Duration high);

/// Keys named k0, k1, ... with small values.
std::vector<KeyPlan> plain_keys(Rng& rng, std::size_t count);
/// The first `count` plain keys whose name fulfils a condition. Fewer when they are too rare.
std::vector<KeyPlan> keys_where(Rng& rng, std::size_t count,
                                const std::function<bool(std::string_view)>& condition);

struct Traffic {
  std::size_t requests = 100;
  Duration span = std::chrono::seconds(1);
  Duration least_timeout = std::chrono::seconds(5);
  Duration most_timeout = std::chrono::seconds(5);
  /// Share of the requests that their users withdraw.
  double withdrawals = 0;
  /// 1: all keys alike; more: the first ones more often.
  double skew = 1;
  /// Nodes that requests come from. Empty: all.
  std::vector<NodeIndex> from = {};
};
/// Plans random requests over the coming span.
void plan_traffic(Simulation& sim, const Traffic& traffic);
/// The nodes but one.
std::vector<NodeIndex> all_but(const Simulation& sim, NodeIndex one);

}  // namespace kith::sim
