// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/owner_lost.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

void owner_killed(Simulation& sim) {
  lose_owner(sim, [&sim](NodeIndex owner) { sim.kill(owner); });
}

}  // namespace kith::sim
