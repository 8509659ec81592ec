// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void slow_origin_overload(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 5);
  plan.caches[0].options = draw_options(rng);
  plan.caches[0].options.max_concurrent_loads = static_cast<int>(rng.between(1, 4));
  plan.caches[0].options.max_queued_loads =
      static_cast<int>(rng.chance(0.5) ? rng.between(1, 10) : 100'000);
  plan.keys = plain_keys(rng, 50 + rng.below(150));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, milliseconds(5), milliseconds(50));
  plan.origin.mean_extra = draw_between(rng, Duration::zero(), milliseconds(50));
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 100 + rng.below(400);
  traffic.span = seconds(1);
  traffic.least_timeout = milliseconds(50);
  traffic.most_timeout = seconds(3);
  traffic.withdrawals = rng.chance(0.3) ? 0.2 : 0;
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
