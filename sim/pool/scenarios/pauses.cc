// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>

#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// How members stand still, again and again.
struct Rhythm {
  double share;  ///< Of the members.
  Duration shortest, longest;
  Duration least_awake, most_awake;
  Duration span;
};

void pause_again_and_again(Pool& pool, HostIndex host, const Rhythm& rhythm, std::size_t& pauses) {
  pool.after(some(pool, rhythm.least_awake, rhythm.most_awake), [&pool, host, rhythm, &pauses] {
    ++pauses;
    pool.pause(host);
    pool.after(some(pool, rhythm.shortest, rhythm.longest), [&pool, host, rhythm, &pauses] {
      pool.resume(host);
      pause_again_and_again(pool, host, rhythm, pauses);
    });
  });
}

Outcome with(const Setting& setting, const Rhythm& rhythm, bool nobody_dies) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Census census(pool);
  OnlyTheSubjectRaises raises;
  Awake awake(pool, 2s);
  // Who has just woken reads of deaths that are long refuted.
  NobodyDiesWrongly healthy(
      [&](HostIndex host) { return pool.up(host); },
      [&](HostIndex observer, HostIndex subject) { return !awake(observer) || !awake(subject); });
  for (Checker* checker : {static_cast<Checker*>(&census), static_cast<Checker*>(&raises),
                           static_cast<Checker*>(&awake), static_cast<Checker*>(&healthy)}) {
    pool.watch(*checker);
  }
  pool.network().set_loss(setting.loss);
  pool.run_for(3s);
  std::size_t pauses = 0;
  const auto count = static_cast<std::size_t>(rhythm.share * static_cast<double>(setting.nodes));
  for (HostIndex host = 0; host < std::max<std::size_t>(count, 1); ++host) {
    pause_again_and_again(pool, host, rhythm, pauses);
  }
  pool.run_for(rhythm.span);

  outcome.number("pauses", static_cast<double>(pauses));
  outcome.number("awake_declared_dead", static_cast<double>(healthy.count()));
  outcome.number("paused_declared_dead", static_cast<double>(census.false_deaths()));
  outcome.number("dead_per_pause",
                 static_cast<double>(census.false_deaths()) / static_cast<double>(pauses));
  outcome.number("declarations", static_cast<double>(census.false_declarations()));
  outcome.promised(healthy);
  outcome.always(raises);
  if (nobody_dies && census.false_deaths() > 0) {
    outcome.broken.push_back({"NobodyDiesWrongly", pool.now(), "a member died of short pauses"});
  }
  outcome.finish(pool);
  return outcome;
}

Duration span_of(const Setting& setting) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(setting.hours * 3600));
}

}  // namespace

Outcome short_pauses(const Setting& setting) {
  return with(setting, {0.05, 1s, 5s, 10s, 60s, span_of(setting)}, true);
}
Outcome paused_members(const Setting& setting) {
  return with(setting, {0.1, 1s, 30s, 1s, 60s, span_of(setting)}, false);
}
Outcome tight_pauses(const Setting& setting) {
  return with(setting, {0.2, 5s, 5s, 4ms, 64ms, 10min}, false);
}

}  // namespace kith::sim::pool
