// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/simulation.h"

// Faults that several scenarios plan, at random moments of the coming span.
namespace kith::sim {

/// Cuts the nodes into two parts, in one direction or both, for a while.
void plan_partition(Simulation& sim, Duration span);
/// A node falls silent for a while: nothing gets to it or from it.
void plan_black_hole(Simulation& sim, Duration span);
/// A node stands still for a while.
void plan_pause(Simulation& sim, Duration span);
/// A node dies, and comes back later or not before the end.
void plan_crash(Simulation& sim, Duration span);
/// A node is shut down as planned, and comes back later or not before the end.
void plan_shut_down(Simulation& sim, Duration span);
/// All nodes change to a view without one of them, each when it hears of it, and back. The one
/// concerned goes on believing that it is in.
void plan_view_change(Simulation& sim, Duration span);

}  // namespace kith::sim
