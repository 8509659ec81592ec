// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// Which of two keys a host can read, and which one it writes with.
struct Ring {
  bool reads[2] = {true, false};
  int writes = 0;
};

}  // namespace

// What somebody cannot decrypt is lost to him, packets and streams alike.
Outcome key_rotation(const Setting& setting) {
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
  std::vector<Ring> rings(setting.nodes);
  pool.network().add(
      {[&](HostIndex from, HostIndex to) { return !rings[to].reads[rings[from].writes]; }});
  pool.run_for(3s);

  // A tenth is down, and forgotten or not.
  const std::size_t down = std::max<std::size_t>(setting.nodes / 10, 1);
  for (HostIndex host = 0; host < down; ++host) pool.vanish(host);
  pool.run_for(20s);
  // Each step reaches the hosts within two seconds; the next begins when it has reached all. Who
  // comes back reads the ring as it is by then.
  Ring present;
  const auto rotate = [&](const Ring& next) {
    present = next;
    for (HostIndex host = down; host < setting.nodes; ++host) {
      pool.after(some(pool, Duration::zero(), 2s), [&rings, host, next] { rings[host] = next; });
    }
    const HostIndex back = static_cast<HostIndex>(next.writes) * 2 + (next.reads[0] ? 0 : 1);
    pool.run_for(1s);
    for (HostIndex host = 0; host < down; ++host) {
      if (host % 4 != back || pool.up(host)) continue;
      rings[host] = present;
      const HostIndex seed[] = {down, down + 1, setting.nodes - 1};
      pool.start(host, seed);
    }
    pool.run_for(9s);
    for (HostIndex host = 0; host < down; ++host) rings[host] = present;
  };
  rotate({{true, true}, 0});   // Install.
  rotate({{true, true}, 1});   // Use.
  rotate({{false, true}, 1});  // Remove.
  for (HostIndex host = 0; host < down; ++host) {
    const HostIndex seed[] = {down, down + 1, setting.nodes - 1};
    if (!pool.up(host)) pool.start(host, seed);
  }
  outcome.number("agreed_s", seconds_until(
                                 pool, [&] { return pool.beliefs().agree(); }, 60s));
  outcome.number("deaths", static_cast<double>(census.false_deaths()));
  view.demand(pool.now());
  outcome.promised(view);
  outcome.promised(wrongly);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
