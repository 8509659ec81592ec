// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/at_most_two_loads.h"
#include "sim/checkers/everyone_served.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void disagreeing_views(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 3);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 1 + rng.below(60));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(50));
  sim.build(plan);
  sim.watch<AtMostTwoLoads>();
  sim.watch<EveryoneServed>(seconds(10));

  // Some of the nodes, never the newcomer itself, have not yet heard of the last node.
  const NodeIndex newcomer = sim.nodes() - 1;
  const auto before = sim.view_of(all_but(sim, newcomer));
  const auto after = sim.view_of_all();
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    sim.start(node, node == newcomer || rng.chance(0.5) ? after : before);
  }
  sim.run_for(seconds(1));
  Traffic traffic;
  traffic.requests = 1 + rng.below(400);
  traffic.span = draw_between(rng, milliseconds(1), milliseconds(500));
  traffic.least_timeout = traffic.most_timeout = seconds(10);
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
