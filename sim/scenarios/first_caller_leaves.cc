// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/checkers/exactly_one_load.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void first_caller_leaves(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 5);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(5));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = milliseconds(300);
  sim.build(plan);
  sim.watch<EveryoneServed>(seconds(5));
  sim.watch<ExactlyOneLoad>();
  sim.start_all();
  for (std::size_t key = 0; key < sim.keys().size(); ++key) {
    const auto others_after = draw_between(rng, Duration::zero(), milliseconds(80));
    const auto leaves_after = draw_between(rng, milliseconds(81), milliseconds(250));
    GetPlan first;
    first.node = rng.below(sim.nodes());
    first.key = key;
    if (rng.chance(0.5)) {
      first.withdraw_after = leaves_after;
    } else {
      first.timeout = leaves_after;
    }
    sim.get(first);
    const std::size_t others = 1 + rng.below(20);
    for (std::size_t i = 0; i < others; ++i) {
      GetPlan other;
      // Often of the same node, whose request to the owner they share.
      other.node = rng.chance(0.5) ? first.node : rng.below(sim.nodes());
      other.key = key;
      sim.get_later(others_after, other);
    }
  }
  sim.conclude();
}

}  // namespace kith::sim
