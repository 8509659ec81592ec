// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// What the nodes know of each other when they start.
enum class Discovery : std::uint8_t {
  all,     ///< Everybody's address.
  few,     ///< The same three.
  so_far,  ///< Who had started before, looked up again every 5 s: a DNS name.
};

}  // namespace

// Chooses its own size, 3 to 50.
Outcome cold_start(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  Rng& rng = pool.rng();
  const auto nodes = static_cast<std::size_t>(rng.between(3, 50));
  const auto discovery = static_cast<Discovery>(rng.below(3));
  const Duration within = some(pool, Duration::zero(), 3s);
  OnlyTheSubjectRaises raises;
  OneView view([&] { return pool.beliefs().wrong(); });
  pool.watch(raises);
  pool.network().set_loss(rng.chance(0.5) ? 0 : 0.05 * rng.unit());
  for (std::size_t i = 0; i < nodes; ++i) pool.add();

  const auto known = [&pool, discovery, nodes] {
    std::vector<HostIndex> hosts;
    for (HostIndex host = 0; host < nodes; ++host) {
      if (discovery == Discovery::few && host >= 3) break;
      if (discovery != Discovery::so_far || pool.up(host)) hosts.push_back(host);
    }
    return hosts;
  };
  for (HostIndex host = 0; host < nodes; ++host) {
    pool.after(Duration(rng.between(0, within.count())), [&pool, known, host] {
      pool.start(host);
      pool.join(host, known());
    });
  }
  for (int again = 1; again <= 12; ++again) {
    if (discovery != Discovery::so_far) break;
    for (HostIndex host = 0; host < nodes; ++host) {
      pool.after(again * 5s + some(pool, Duration::zero(), 500ms), [&pool, known, host] {
        if (pool.up(host)) pool.join(host, known());
      });
    }
  }
  pool.run_for(within);
  outcome.number("one_cluster_s", seconds_until(
                                      pool, [&] { return pool.beliefs().agree(); }, 15s));
  view.demand(pool.now());
  outcome.promised(view);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
