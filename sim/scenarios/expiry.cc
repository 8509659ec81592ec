// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void expiry(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 5);
  plan.caches[0].options = draw_options(rng);
  plan.caches[0].options.default_ttl = draw_between(rng, milliseconds(20), milliseconds(500));
  plan.caches[0].options.early_refresh = rng.chance(0.2) ? 0 : 5 * rng.unit();
  plan.keys = plain_keys(rng, 1 + rng.below(10));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(50));
  if (rng.chance(0.3)) plan.origin.ttl = draw_between(rng, milliseconds(5), seconds(1));
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 200 + rng.below(300);
  traffic.span = seconds(3);
  traffic.least_timeout = milliseconds(500);
  traffic.most_timeout = seconds(2);
  plan_traffic(sim, traffic);
  if (rng.chance(0.6)) {
    // The origin falls ill for a while.
    OriginPlan ill = plan.origin;
    ill.manners = {0.2, 0.1, 1, 0.5, 0.1, 0, 0};
    sim.later(seconds(1), [&sim, ill] { sim.origin().set_plan(ill); });
    sim.later(seconds(2), [&sim, well = plan.origin] { sim.origin().set_plan(well); });
  }
  sim.conclude();
}

}  // namespace kith::sim
