// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/checkers/exactly_one_load.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void stable_fill(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(40));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(50));
  plan.origin.mean_extra = draw_between(rng, Duration::zero(), milliseconds(50));
  sim.build(plan);
  sim.watch<ExactlyOneLoad>();
  sim.watch<EveryoneServed>(seconds(10));
  if (rng.chance(0.8)) {
    sim.start_all();
  } else {
    // Cold: requests come while the nodes still connect.
    const auto view = sim.view_of_all();
    for (NodeIndex node = 0; node < sim.nodes(); ++node) sim.start(node, view);
  }
  Traffic traffic;
  traffic.requests = 1 + rng.below(400);
  traffic.span = draw_between(rng, milliseconds(1), seconds(1));
  traffic.least_timeout = traffic.most_timeout = seconds(20);
  traffic.skew = rng.chance(0.5) ? 1 : 3;
  traffic.withdrawals = 0;
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
