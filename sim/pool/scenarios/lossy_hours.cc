// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {

using namespace std::chrono_literals;

Outcome lossy_hours(const Setting& setting) {
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
  const auto span =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(setting.hours * 3600));
  pool.run_for(span);

  const double node_hours = static_cast<double>(setting.nodes) * setting.hours;
  const auto rate = [&](std::size_t count) { return static_cast<double>(count) / node_hours; };
  outcome.number("node_hours", node_hours);
  outcome.number("false_dead", static_cast<double>(census.false_deaths()));
  outcome.number("false_dead_per_node_hour", rate(census.false_deaths()));
  outcome.number("false_declarations", static_cast<double>(census.false_declarations()));
  outcome.number("false_unreachable", static_cast<double>(census.false_unreachable()));
  outcome.number("suspicions_per_node_hour", rate(census.suspicions()));
  outcome.number("bytes_per_node_s",
                 static_cast<double>(pool.traffic().bytes()) / node_hours / 3600);
  outcome.number("packets_per_node_s",
                 static_cast<double>(pool.traffic().packets) / node_hours / 3600);
  pool.network().set_loss(0);
  outcome.number("agree_after_s", seconds_until(
                                      pool, [&] { return pool.beliefs().agree(); }, 30s));
  view.demand(pool.now());
  outcome.promised(wrongly);
  outcome.promised(view);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
