// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/owner_lost.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

void owner_black_holed(Simulation& sim) {
  // Sometimes it is still heard, or still hears.
  const std::uint64_t way = sim.rng().below(4);
  lose_owner(sim, [&sim, way](NodeIndex owner) {
    sim.isolate(owner, Network::Blocked::vanishes, way != 1, way != 2);
  });
}

}  // namespace kith::sim
