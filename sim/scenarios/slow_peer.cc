// SPDX-License-Identifier: Apache-2.0
#include "sim/checkers/everyone_served.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void slow_peer(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 3, 5);
  plan.caches[0].options = draw_lasting_options(rng);
  plan.caches[0].options.immutable = true;
  plan.keys = plain_keys(rng, 300);
  plan.quality = draw_quality(rng);
  sim.build(plan);
  sim.watch<EveryoneServed>(seconds(10));
  sim.start_all();
  // Every node but the last fills its memory with copies; the last learns how quick the others are.
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    for (std::size_t key = 0; key < sim.keys().size(); ++key) {
      if (node + 1 == sim.nodes() && key >= 200) continue;
      GetPlan get;
      get.node = node;
      get.key = key;
      sim.get_later(
          node * milliseconds(100) + draw_between(rng, Duration::zero(), milliseconds(80)), get);
    }
  }
  const Duration warm = sim.nodes() * milliseconds(100) + seconds(2);
  const NodeIndex last = sim.nodes() - 1;
  const NodeIndex slow = rng.below(last);
  LinkQuality slowed = plan.quality;
  slowed.min_delay += draw_between(rng, milliseconds(20), milliseconds(200));
  sim.later(warm, [&sim, slow, slowed] {
    for (NodeIndex node = 0; node < sim.nodes(); ++node) {
      if (node != slow) sim.network().set_quality(slow, node, slowed);
    }
  });
  for (std::size_t key = 200; key < sim.keys().size(); ++key) {
    GetPlan get;
    get.node = last;
    get.key = key;
    sim.get_later(warm + draw_between(rng, Duration::zero(), seconds(1)), get);
  }
  sim.conclude();
}

}  // namespace kith::sim
