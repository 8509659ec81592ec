// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/one_value_per_key.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Keys change owners, and some come back. A former owner still has what it loaded; nobody may get
// that once the new owner has loaded something newer.
void moved_keys(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 2, 6);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.caches[0].options.immutable = false;
  plan.keys = plain_keys(rng, 1 + rng.below(40));
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(50));
  sim.build(plan);
  sim.start_all();

  const std::size_t changes = 1 + rng.below(4);
  for (std::size_t change = 0; change <= changes; ++change) {
    if (change > 0) {
      // Other weights, or those of the beginning again.
      std::vector<NodeIndex> all;
      std::map<NodeIndex, std::uint32_t> weights;
      const bool as_at_first = rng.chance(0.4);
      for (NodeIndex node = 0; node < sim.nodes(); ++node) {
        all.push_back(node);
        if (!as_at_first) weights[node] = static_cast<std::uint32_t>(1 + rng.below(5));
      }
      const auto view = sim.view_of(all, weights);
      for (const NodeIndex node : all) sim.set_view(node, view);
    }
    Traffic traffic;
    traffic.requests = 20 + rng.below(200);
    traffic.span = milliseconds(500);
    plan_traffic(sim, traffic);
    // Longer than a request may take, and what a stand-in loaded for it then lives.
    sim.run_for(seconds(10));
  }
  sim.watch<OneValuePerKey>(sim.now());
  Traffic everybody;
  everybody.requests = sim.keys().size() * sim.nodes() * 2;
  plan_traffic(sim, everybody);
  sim.conclude();
}

}  // namespace kith::sim
