// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/simulation.h"

namespace kith::sim {

/// A kind of simulation. The seed chooses everything else: sizes, delays, options, which faults.
struct Scenario {
  std::string_view name;
  std::string_view about;
  /// Seeds that fall on it, relative to the others.
  unsigned weight;
  /// Builds the simulation, plans and runs it; Simulation::finish follows.
  void (*run)(Simulation&);
};

std::span<const Scenario> scenarios();
/// Null: no such scenario.
const Scenario* find_scenario(std::string_view name);
/// The scenario that a seed falls on.
const Scenario& scenario_of(std::uint64_t seed);

// One file each.
void stable_fill(Simulation& sim);
void ten_thousand_callers(Simulation& sim);
void disagreeing_views(Simulation& sim);
void mutual_owners(Simulation& sim);
void view_change(Simulation& sim);
void moved_keys(Simulation& sim);
void first_caller_leaves(Simulation& sim);
void last_caller_leaves(Simulation& sim);
void owner_killed(Simulation& sim);
void owner_black_holed(Simulation& sim);
void ranks_killed(Simulation& sim);
void bad_loaders(Simulation& sim);
void slow_origin_overload(Simulation& sim);
void expiry(Simulation& sim);
void slow_peer(Simulation& sim);
void lossy_network(Simulation& sim);
void partition_and_heal(Simulation& sim);
void pauses(Simulation& sim);
void restarts(Simulation& sim);
void shut_downs(Simulation& sim);
void hostile_keys(Simulation& sim);
void mixed(Simulation& sim);

}  // namespace kith::sim
