// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/checkers/exactly_one_load.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void ten_thousand_callers(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = 16;
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1);
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = milliseconds(100);
  sim.build(plan);
  sim.watch<ExactlyOneLoad>();
  sim.watch<EveryoneServed>(seconds(10));
  sim.start_all();
  Traffic traffic;
  traffic.requests = 10'000;
  traffic.span = rng.chance(0.5) ? milliseconds(1) : milliseconds(200);
  traffic.least_timeout = traffic.most_timeout = seconds(10);
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
