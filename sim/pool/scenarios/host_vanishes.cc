// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/checkers/dead_everywhere.h"
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// How soon the death must be known to all, whatever the seed.
constexpr Duration kBound = 60s;

Outcome one_dies(const Setting& setting, bool kernel_stays) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  const Beliefs& beliefs = pool.beliefs();
  Census census(pool);
  OnlyTheSubjectRaises raises;
  NobodyDiesWrongly wrongly([&](HostIndex host) { return pool.up(host); });
  DeadEverywhere dead(kBound, [&](HostIndex host) { return beliefs.believers(host); });
  for (Checker* checker : {static_cast<Checker*>(&raises), static_cast<Checker*>(&wrongly),
                           static_cast<Checker*>(&dead)}) {
    pool.watch(*checker);
  }
  pool.network().set_loss(setting.loss);
  pool.run_for(some(pool, 3s, 5s));

  const HostIndex victim = pool.rng().below(setting.nodes);
  pool.watch(census);
  const TimePoint died = pool.now();
  kernel_stays ? pool.kill(victim) : pool.vanish(victim);
  const std::size_t most = (beliefs.present() * 99 + 99) / 100;
  const double avoided = seconds_until(
      pool, [&] { return beliefs.avoiders(victim) >= most; }, 300s);
  const double rest = seconds_until(
      pool, [&] { return beliefs.believers(victim) == 0; }, 300s);
  outcome.number("first_suspicion_s",
                 census.first_suspicion() ? seconds(*census.first_suspicion() - died) : avoided);
  outcome.number("avoided_99_s", avoided);
  outcome.number("dead_all_s", rest == kNever ? kNever : avoided + rest);
  dead.demand(pool.now());
  outcome.promised(dead);
  outcome.promised(wrongly);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace

Outcome host_vanishes(const Setting& setting) { return one_dies(setting, false); }
Outcome process_killed(const Setting& setting) { return one_dies(setting, true); }

}  // namespace kith::sim::pool
