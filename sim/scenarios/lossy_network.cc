// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void lossy_network(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 2, 8);
  plan.caches[0].options = draw_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(60));
  plan.quality = draw_quality(rng);
  if (rng.chance(0.7)) plan.quality.loss = 0.3 * rng.unit();
  if (rng.chance(0.5)) plan.quality.duplication = 0.5 * rng.unit();
  if (rng.chance(0.5)) plan.quality.reordering = 0.5 * rng.unit();
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 50 + rng.below(300);
  traffic.span = seconds(3);
  traffic.least_timeout = milliseconds(100);
  traffic.most_timeout = seconds(4);
  traffic.withdrawals = rng.chance(0.5) ? 0.2 : 0;
  traffic.skew = 1 + 2 * rng.unit();
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
