// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void ranks_killed(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 4, 5);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.keys = plain_keys(rng, 3 + rng.below(30));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(100));
  sim.build(plan);
  sim.watch<EveryoneServed>(seconds(15));
  sim.start_all();
  const auto view = sim.view_of_all();
  const std::string& unlucky = sim.keys()[0].bytes;
  std::vector<NodeIndex> survivors;
  for (NodeIndex node = 0; node < sim.nodes(); ++node) survivors.push_back(node);
  for (std::size_t rank = 0; rank < placement::kRanks; ++rank) {
    const NodeIndex node = sim.ranked(*view, unlucky, rank);
    std::erase(survivors, node);
    sim.later(draw_between(rng, Duration::zero(), milliseconds(300)),
              [&sim, node] { sim.kill(node); });
  }
  Traffic traffic;
  traffic.requests = 20 + rng.below(100);
  traffic.span = seconds(2);
  traffic.least_timeout = traffic.most_timeout = seconds(15);
  traffic.skew = 2;
  traffic.from = survivors;
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
