// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/faults.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void shut_downs(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 2, 8);
  plan.caches[0].options = draw_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(60));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(200));
  if (rng.chance(0.3)) plan.timer_slack = draw_between(rng, Duration::zero(), milliseconds(2));
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 50 + rng.below(300);
  traffic.span = seconds(4);
  traffic.least_timeout = milliseconds(100);
  traffic.most_timeout = seconds(5);
  traffic.withdrawals = rng.chance(0.5) ? 0.2 : 0;
  traffic.skew = 1 + 2 * rng.unit();
  plan_traffic(sim, traffic);
  const std::size_t faults = 1 + rng.below(3);
  for (std::size_t i = 0; i < faults; ++i) plan_shut_down(sim, seconds(3));
  sim.conclude();
}

}  // namespace kith::sim
