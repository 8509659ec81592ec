// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void bad_loaders(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 5);
  plan.caches[0].options = draw_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(30));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(20));
  plan.origin.mean_extra = draw_between(rng, Duration::zero(), milliseconds(100));
  plan.origin.heeds_cancel = rng.unit();
  for (double& chance : plan.origin.manners) chance = rng.chance(0.5) ? rng.unit() : 0;
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 50 + rng.below(400);
  traffic.span = seconds(2);
  traffic.least_timeout = milliseconds(20);
  traffic.most_timeout = seconds(4);
  traffic.withdrawals = rng.chance(0.5) ? 0.2 : 0;
  traffic.skew = 1 + 2 * rng.unit();
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
