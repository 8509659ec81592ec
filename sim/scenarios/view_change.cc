// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/scenarios/faults.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void view_change(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 3, 8);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(60));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(200));
  sim.build(plan);
  sim.watch<EveryoneServed>(seconds(10));
  sim.start_all();
  Traffic traffic;
  traffic.requests = 50 + rng.below(400);
  traffic.span = seconds(2);
  traffic.least_timeout = traffic.most_timeout = seconds(10);
  plan_traffic(sim, traffic);

  const std::size_t changes = 1 + rng.below(6);
  for (std::size_t change = 0; change < changes; ++change) plan_view_change(sim, seconds(2));
  sim.conclude();
}

}  // namespace kith::sim
