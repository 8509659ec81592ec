// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/swarm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace kith::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::size_t draw_nodes(Rng& rng, std::size_t least, std::size_t most) {
  // Few different numbers, as each needs views of its own.
  static constexpr std::array<std::size_t, 9> kSizes = {1, 2, 3, 3, 4, 5, 5, 8, 16};
  for (;;) {
    const std::size_t size = kSizes[rng.below(kSizes.size())];
    if (size >= least && size <= most) return size;
  }
}

Duration draw_between(Rng& rng, Duration low, Duration high) {
  return Duration(rng.between(low.count(), high.count()));
}

LinkQuality draw_quality(Rng& rng) {
  static constexpr std::array<Duration, 3> kScales = {microseconds(30), microseconds(300),
                                                      milliseconds(20)};
  LinkQuality quality;
  const Duration scale = kScales[rng.below(kScales.size())];
  quality.min_delay = draw_between(rng, scale / 4, scale);
  quality.mean_extra = draw_between(rng, Duration::zero(), scale);
  return quality;
}

fetch::Options draw_lasting_options(Rng& rng) {
  fetch::Options options;
  options.immutable = rng.chance(0.5);
  options.negative_ttl = seconds(1);
  return options;
}

fetch::Options draw_options(Rng& rng) {
  fetch::Options options;
  options.immutable = rng.chance(0.4);
  if (rng.chance(0.5)) options.default_ttl = draw_between(rng, milliseconds(20), seconds(2));
  options.ttl_jitter = rng.chance(0.5) ? 0.05 : 0.5 * rng.unit();
  options.negative_ttl =
      rng.chance(0.3) ? Duration::zero() : draw_between(rng, milliseconds(10), seconds(1));
  options.stale_if_error = rng.chance(0.5) ? Duration::zero() : seconds(30);
  options.load_timeout = draw_between(rng, milliseconds(50), seconds(3));
  if (rng.chance(0.4)) options.max_concurrent_loads = static_cast<int>(rng.between(1, 8));
  if (rng.chance(0.2)) options.max_queued_loads = static_cast<int>(rng.between(1, 20));
  options.early_refresh = rng.chance(0.3) ? 0.0 : 3.0 * rng.unit();
  return options;
}

std::vector<KeyPlan> keys_where(Rng& rng, std::size_t count,
                                const std::function<bool(std::string_view)>& condition) {
  constexpr std::size_t kMostTries = 20'000;
  std::vector<KeyPlan> keys;
  for (std::size_t i = 0; i < kMostTries && keys.size() < count; ++i) {
    KeyPlan key;
    key.bytes = "k" + std::to_string(i);
    if (!condition(key.bytes)) continue;
    key.value_bytes = rng.chance(0.1) ? 0 : static_cast<std::size_t>(rng.between(16, 1000));
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<KeyPlan> plain_keys(Rng& rng, std::size_t count) {
  return keys_where(rng, count, [](std::string_view) { return true; });
}

void plan_traffic(Simulation& sim, const Traffic& traffic) {
  Rng& rng = sim.rng();
  for (std::size_t i = 0; i < traffic.requests; ++i) {
    GetPlan get;
    get.node = traffic.from.empty() ? rng.below(sim.nodes())
                                    : traffic.from[rng.below(traffic.from.size())];
    const double place = std::pow(rng.unit(), traffic.skew);
    get.key = std::min(static_cast<std::size_t>(place * static_cast<double>(sim.keys().size())),
                       sim.keys().size() - 1);
    get.timeout = draw_between(rng, traffic.least_timeout, traffic.most_timeout);
    if (rng.chance(traffic.withdrawals)) {
      get.withdraw_after = draw_between(rng, Duration::zero(), milliseconds(200));
    }
    sim.get_later(draw_between(rng, Duration::zero(), traffic.span), get);
  }
}

std::vector<NodeIndex> all_but(const Simulation& sim, NodeIndex one) {
  std::vector<NodeIndex> others;
  for (NodeIndex node = 0; node < sim.nodes(); ++node) {
    if (node != one) others.push_back(node);
  }
  return others;
}

}  // namespace kith::sim
