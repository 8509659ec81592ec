// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/last_one_out.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void last_caller_leaves(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 5);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(5));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = milliseconds(500);
  plan.origin.heeds_cancel = rng.unit();
  sim.build(plan);
  // The news travels as a message: some delays, of which each is rarely above ten means.
  sim.watch<LastOneOut>(plan.quality.min_delay + 12 * plan.quality.mean_extra + milliseconds(2));
  sim.start_all();
  for (std::size_t key = 0; key < sim.keys().size(); ++key) {
    const std::size_t callers = 1 + rng.below(10);
    for (std::size_t i = 0; i < callers; ++i) {
      GetPlan caller;
      caller.node = rng.below(sim.nodes());
      caller.key = key;
      const auto patience = draw_between(rng, milliseconds(100), milliseconds(300));
      if (rng.chance(0.7)) {
        caller.withdraw_after = patience;
      } else {
        caller.timeout = patience;
      }
      sim.get_later(draw_between(rng, Duration::zero(), milliseconds(50)), caller);
    }
    // Somebody comes back later, for a load of its own.
    if (rng.chance(0.5)) {
      GetPlan again;
      again.node = rng.below(sim.nodes());
      again.key = key;
      sim.get_later(draw_between(rng, milliseconds(200), milliseconds(900)), again);
    }
  }
  sim.conclude();
}

}  // namespace kith::sim
