// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {

using namespace std::chrono_literals;

Outcome rack_dies(const Setting& setting) {
  Outcome outcome;
  PoolOptions options = options_of(setting);
  options.own_keys = true;
  Pool pool(options);
  pool.start_known(setting.nodes);
  Census census(pool);
  OnlyTheSubjectRaises raises;
  pool.watch(census);
  pool.watch(raises);
  pool.run_for(10s);
  std::vector<std::size_t> before;
  for (HostIndex host = 0; host < setting.nodes; ++host) before.push_back(pool.views(host));
  const std::size_t rack = setting.nodes / 10;
  for (HostIndex host = 0; host < rack; ++host) pool.vanish(host);
  outcome.number("agreed_s", seconds_until(
                                 pool, [&] { return pool.beliefs().agree(); }, 300s));
  pool.run_for(10s);

  // memberlist has no views: every event is one for who listens.
  std::vector<std::size_t> views;
  for (HostIndex host = rack; host < setting.nodes; ++host) {
    views.push_back(setting.variant == Variant::kith ? pool.views(host) - before[host]
                                                     : census.failed_reports(host));
  }
  std::ranges::sort(views);
  outcome.number("views_median", static_cast<double>(views[views.size() / 2]));
  outcome.number("views_most", static_cast<double>(views.back()));
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
