// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {

using namespace std::chrono_literals;

Outcome join_spreads(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  OnlyTheSubjectRaises raises;
  pool.watch(raises);
  pool.network().set_loss(setting.loss);
  pool.run_for(some(pool, 3s, 5s));

  const HostIndex joiner = pool.add();
  const HostIndex seed[] = {pool.rng().below(setting.nodes)};
  const TimePoint start = pool.now();
  pool.start(joiner, seed);
  const auto& beliefs = pool.beliefs();
  const std::size_t most = (setting.nodes * 99 + 99) / 100;
  const double known = seconds_until(
      pool, [&] { return beliefs.believers(joiner) >= most; }, 600s);
  // Gossip is bounded; whom it misses push/pull tells.
  pool.run_until([&] { return beliefs.believers(joiner) == setting.nodes; },
                 std::max(Duration::zero(), start + 5s - pool.now()));
  outcome.number("known_99_s", known);
  outcome.number("missed_by_gossip",
                 static_cast<double>(setting.nodes - beliefs.believers(joiner)));
  pool.run_until([&] { return beliefs.believers(joiner) == setting.nodes; }, 600s);
  outcome.number("known_all_s",
                 beliefs.believers(joiner) == setting.nodes ? seconds(pool.now() - start) : kNever);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

Outcome change_spreads(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Census census(pool);
  OnlyTheSubjectRaises raises;
  pool.watch(census);
  pool.watch(raises);
  pool.network().set_loss(setting.loss);
  pool.run_for(some(pool, 3s, 5s));

  const HostIndex subject = pool.rng().below(setting.nodes);
  pool.change_meta(subject);
  const std::size_t others = setting.nodes - 1;
  const double most = seconds_until(
      pool, [&] { return census.noticed(subject) >= (others * 99 + 99) / 100; }, 600s);
  const double rest = seconds_until(
      pool, [&] { return census.noticed(subject) == others; }, 600s);
  outcome.number("known_99_s", most);
  outcome.number("known_all_s", rest == kNever ? kNever : most + rest);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

Outcome newcomer(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  OnlyTheSubjectRaises raises;
  pool.watch(raises);
  pool.run_for(some(pool, 3s, 5s));
  const HostIndex joiner = pool.add();
  const HostIndex seed[] = {pool.rng().below(setting.nodes)};
  const Traffic before = pool.traffic();
  pool.start(joiner, seed);
  const auto knows_all = [&] { return pool.machine(joiner).members().size() == setting.nodes + 1; };
  outcome.number("knows_all_s", seconds_until(pool, knows_all, 60s));
  outcome.number("stream_bytes", static_cast<double>((pool.traffic() - before).stream_bytes));
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
