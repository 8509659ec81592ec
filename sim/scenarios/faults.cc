// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/faults.h"

#include <set>

#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Network::Blocked draw_blocked(Rng& rng) {
  return rng.chance(0.5) ? Network::Blocked::held : Network::Blocked::vanishes;
}

}  // namespace

void plan_partition(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  std::set<NodeIndex> left;
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    if (rng.chance(0.5)) left.insert(node);
  }
  const Network::Blocked how = draw_blocked(rng);
  const bool one_way = rng.chance(0.3);
  const Duration begin = draw_between(rng, Duration::zero(), span);
  const Duration length = draw_between(rng, milliseconds(10), seconds(4));
  const auto cut = [&sim, left, one_way](Network::Blocked blocked) {
    for (NodeIndex from = 0; from < sim.nodes(); ++from) {
      for (NodeIndex to = 0; to < sim.nodes(); ++to) {
        if (left.contains(from) == left.contains(to)) continue;
        if (one_way && left.contains(to)) continue;
        sim.network().block(from, to, blocked);
      }
    }
  };
  sim.later(begin, [cut, how] { cut(how); });
  sim.later(begin + length, [cut] { cut(Network::Blocked::no); });
}

void plan_black_hole(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  const NodeIndex node = rng.below(sim.nodes());
  const Network::Blocked how = draw_blocked(rng);
  const Duration begin = draw_between(rng, Duration::zero(), span);
  const Duration length = draw_between(rng, milliseconds(10), seconds(5));
  sim.later(begin, [&sim, node, how] { sim.isolate(node, how); });
  sim.later(begin + length, [&sim, node] { sim.isolate(node, Network::Blocked::no); });
}

void plan_pause(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  const NodeIndex node = rng.below(sim.nodes());
  const Duration begin = draw_between(rng, Duration::zero(), span);
  const Duration length = rng.chance(0.5) ? draw_between(rng, milliseconds(1), milliseconds(200))
                                          : draw_between(rng, milliseconds(200), seconds(6));
  sim.later(begin, [&sim, node, length] { sim.pause(node, length); });
}

void plan_crash(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  const NodeIndex node = rng.below(sim.nodes());
  const Duration begin = draw_between(rng, Duration::zero(), span);
  sim.later(begin, [&sim, node] { sim.kill(node); });
  if (rng.chance(0.8)) {
    sim.later(begin + draw_between(rng, milliseconds(1), seconds(3)),
              [&sim, node] { sim.restart(node); });
  }
}

void plan_shut_down(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  const NodeIndex node = rng.below(sim.nodes());
  const Duration begin = draw_between(rng, Duration::zero(), span);
  const Duration grace = draw_between(rng, Duration::zero(), milliseconds(500));
  sim.later(begin, [&sim, node, grace] { sim.shut_down(node, grace); });
  if (rng.chance(0.8)) {
    sim.later(begin + grace + draw_between(rng, milliseconds(30), seconds(2)),
              [&sim, node] { sim.restart(node); });
  }
}

void plan_view_change(Simulation& sim, Duration span) {
  Rng& rng = sim.rng();
  const NodeIndex leaver = rng.below(sim.nodes());
  const auto with = sim.view_of_all();
  const auto without = sim.nodes() == 1 ? with : sim.view_of(all_but(sim, leaver));
  const Duration at = draw_between(rng, Duration::zero(), span);
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    if (node != leaver) {
      sim.later(at + draw_between(rng, Duration::zero(), milliseconds(500)),
                [&sim, node, without] { sim.set_view(node, without); });
    }
    sim.later(at + draw_between(rng, milliseconds(200), milliseconds(1000)),
              [&sim, node, with] { sim.set_view(node, with); });
  }
}

}  // namespace kith::sim
