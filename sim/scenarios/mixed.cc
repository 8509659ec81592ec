// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/faults.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void mixed(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 1, 8);
  plan.caches[0].options = draw_options(rng);
  if (rng.chance(0.3)) plan.caches[0].memory_bytes = std::uint64_t{64} << 10;
  plan.keys = plain_keys(rng, 1 + rng.below(100));
  if (rng.chance(0.3)) {
    plan.caches.push_back(CachePlan{});
    plan.caches[1].name = "other";
    plan.caches[1].options = draw_options(rng);
    for (KeyPlan& key : plan.keys) key.cache = rng.below(2);
  }
  plan.quality = draw_quality(rng);
  if (rng.chance(0.3)) plan.quality.loss = 0.1 * rng.unit();
  if (rng.chance(0.2)) plan.quality.duplication = 0.3 * rng.unit();
  if (rng.chance(0.2)) plan.quality.reordering = 0.3 * rng.unit();
  if (rng.chance(0.3)) plan.timer_slack = draw_between(rng, Duration::zero(), milliseconds(5));
  plan.origin.min_latency = draw_between(rng, Duration::zero(), milliseconds(100));
  plan.origin.mean_extra = draw_between(rng, Duration::zero(), milliseconds(100));
  plan.origin.heeds_cancel = rng.unit();
  if (rng.chance(0.5)) {
    for (std::size_t i = 1; i < kManners; ++i) {
      if (rng.chance(0.4)) plan.origin.manners[i] = 0.3 * rng.unit();
    }
  }
  sim.build(plan);
  sim.start_all();
  Traffic traffic;
  traffic.requests = 50 + rng.below(400);
  traffic.span = seconds(4);
  traffic.least_timeout = milliseconds(20);
  traffic.most_timeout = seconds(5);
  traffic.withdrawals = rng.chance(0.5) ? 0.3 * rng.unit() : 0;
  traffic.skew = 1 + 3 * rng.unit();
  plan_traffic(sim, traffic);

  using Plan = void (*)(Simulation&, Duration);
  static constexpr Plan kFaults[] = {plan_partition, plan_black_hole, plan_pause,
                                     plan_crash,     plan_shut_down,  plan_view_change};
  for (const Plan plan_fault : kFaults) {
    if (!rng.chance(0.4)) continue;
    const std::size_t times = 1 + rng.below(2);
    for (std::size_t i = 0; i < times; ++i) plan_fault(sim, seconds(4));
  }
  sim.conclude();
}

}  // namespace kith::sim
