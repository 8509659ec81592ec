// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {

using namespace std::chrono_literals;

Outcome clock_jumps(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Census census(pool);
  OnlyTheSubjectRaises raises;
  NobodyDiesWrongly wrongly([&](HostIndex host) { return pool.up(host); });
  OneView view([&] { return pool.beliefs().wrong(); });
  pool.watch(census);
  pool.watch(raises);
  pool.watch(wrongly);
  pool.network().set_loss(setting.loss);
  pool.run_for(3s);
  const int jumps = 200;
  for (int i = 0; i < jumps; ++i) {
    const HostIndex host = pool.rng().below(setting.nodes);
    // Most are short, some of hours.
    const Duration by = pool.rng().chance(0.8) ? some(pool, 10ms, 30s) : some(pool, 30s, 2h);
    pool.jump_clock(host, by);
    pool.run_for(some(pool, 100ms, 5s));
  }
  outcome.number("jumps", jumps);
  outcome.number("deaths", static_cast<double>(census.false_deaths()));
  outcome.number("suspicions", static_cast<double>(census.suspicions()));
  outcome.number("agreed_s", seconds_until(
                                 pool, [&] { return pool.beliefs().agree(); }, 30s));
  view.demand(pool.now());
  outcome.promised(view);
  outcome.promised(wrongly);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
