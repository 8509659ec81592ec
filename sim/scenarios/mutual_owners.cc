// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/at_most_two_loads.h"
#include "sim/checkers/everyone_served.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void mutual_owners(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 2, 5);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(50));

  // Node 0 believes that node 1 has nearly all the weight, and the other way round. The others
  // share one of the two views. Keys are those that each of the two places on the other.
  sim.name_nodes(plan.nodes);
  std::vector<NodeIndex> everyone;
  for (NodeIndex node = 0; node < plan.nodes; ++node) everyone.push_back(node);
  const auto view_of_0 = sim.view_of(everyone, {{1, 20}});
  const auto view_of_1 = sim.view_of(everyone, {{0, 20}});
  plan.keys = keys_where(rng, 1 + rng.below(20), [&](std::string_view key) {
    return sim.owner(*view_of_0, key) == 1 && sim.owner(*view_of_1, key) == 0;
  });
  sim.build(plan);
  sim.watch<AtMostTwoLoads>();
  sim.watch<EveryoneServed>(seconds(10));
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    sim.start(node, node == 0 || (node > 1 && rng.chance(0.5)) ? view_of_0 : view_of_1);
  }
  sim.run_for(seconds(1));
  // Both ask for each key at the same moment, as the deadlock of a naive design needs.
  for (std::size_t key = 0; key < sim.keys().size(); ++key) {
    const Duration at = draw_between(rng, Duration::zero(), milliseconds(20));
    for (NodeIndex node = 0; node < 2; ++node) {
      GetPlan get;
      get.node = node;
      get.key = key;
      get.timeout = seconds(10);
      sim.get_later(at, get);
    }
  }
  Traffic traffic;
  traffic.requests = rng.below(200);
  traffic.span = milliseconds(100);
  traffic.least_timeout = traffic.most_timeout = seconds(10);
  if (rng.chance(0.5)) traffic.from = {0, 1};
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
