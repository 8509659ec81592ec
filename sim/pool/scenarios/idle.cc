// SPDX-License-Identifier: Apache-2.0
#include "core/membership/profile.h"
#include "core/membership/scaling.h"
#include "sim/pool/checkers/traffic_bound.h"
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// What kith may send on average at any size: the target is 320, of which memberlist's push/pull,
/// which grows with the pool, leaves nothing; see docs/membership-figures.md.
constexpr double kMost = 6000;

}  // namespace

Outcome idle(const Setting& setting) {
  Outcome outcome;
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  OnlyTheSubjectRaises raises;
  TrafficBound bound(kMost);
  pool.watch(raises);
  // Every node exchanges everything once in each such time.
  const Duration round = membership::push_pull_interval(membership::lan_profile(), setting.nodes);
  pool.run_for(10s);  // The news of themselves is out.
  const Traffic before = pool.traffic();
  const Duration span = std::max<Duration>(round, 60s);
  pool.run_for(span);
  const Traffic sent = pool.traffic() - before;
  const double node_seconds = static_cast<double>(setting.nodes) * seconds(span);
  outcome.number("bytes_per_node_s", bound.demand(sent, setting.nodes, span, pool.now()));
  outcome.number("packet_bytes_per_node_s", static_cast<double>(sent.packet_bytes) / node_seconds);
  outcome.number("stream_bytes_per_node_s", static_cast<double>(sent.stream_bytes) / node_seconds);
  outcome.number("packets_per_node_s", static_cast<double>(sent.packets) / node_seconds);
  outcome.promised(bound);
  outcome.always(raises);
  outcome.finish(pool);
  return outcome;
}

}  // namespace kith::sim::pool
