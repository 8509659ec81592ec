// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/owner_lost.h"

#include "sim/checkers/everyone_served.h"
#include "sim/checkers/stand_in_convergence.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void lose_owner(Simulation& sim, const std::function<void(NodeIndex)>& lose) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 3, 8);
  plan.caches[0].options = draw_lasting_options(rng);
  // Guests must live until the last caller has noticed what happened to the owner.
  plan.caches[0].options.guest_ttl = seconds(8);
  plan.quality = draw_quality(rng);
  plan.origin.min_latency = draw_between(rng, milliseconds(10), milliseconds(500));
  plan.origin.mean_extra = Duration::zero();
  const NodeIndex owner = rng.below(plan.nodes);
  sim.name_nodes(plan.nodes);
  const auto view = sim.view_of_all();
  plan.keys = keys_where(rng, 1 + rng.below(8),
                         [&](std::string_view key) { return sim.owner(*view, key) == owner; });
  sim.build(plan);
  std::map<std::size_t, StandInConvergence::Ranks> ranks;
  for (std::size_t key = 0; key < sim.keys().size(); ++key) {
    ranks[key] = {owner, sim.ranked(*view, sim.keys()[key].bytes, 1)};
  }
  sim.watch<StandInConvergence>(ranks);
  sim.watch<EveryoneServed>(seconds(15));
  sim.start_all();

  Traffic traffic;
  traffic.requests = 1 + rng.below(100);
  traffic.span = draw_between(rng, microseconds(1), milliseconds(300));
  traffic.least_timeout = traffic.most_timeout = seconds(15);
  traffic.from = all_but(sim, owner);
  plan_traffic(sim, traffic);
  sim.later(draw_between(rng, Duration::zero(), milliseconds(400)), [lose, owner] { lose(owner); });
  sim.conclude();
}

}  // namespace kith::sim
