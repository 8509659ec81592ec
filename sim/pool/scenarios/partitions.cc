// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>

#include "base/hash.h"
#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;
using Between = std::function<bool(HostIndex, HostIndex)>;

struct Result {
  double agreed_s;
  double dead;
  double kilobytes_per_node;
};

/// Divides a pool that knows itself, and heals it.
Result divide(const Setting& setting, const Network::Fault& fault, Duration lasts,
              Duration patience, Outcome& outcome) {
  Pool pool(options_of(setting));
  pool.start_known(setting.nodes);
  Census census(pool);
  OnlyTheSubjectRaises raises;
  OneView view([&] { return pool.beliefs().wrong(); });
  pool.watch(census);
  pool.watch(raises);
  pool.run_for(some(pool, 3s, 5s));
  const auto id = pool.network().add(fault);
  pool.run_for(lasts);
  pool.network().remove(id);
  const Traffic before = pool.traffic();
  const auto agreed = [&] { return pool.beliefs().agree(); };
  double took = seconds_until(pool, agreed, patience);
  // Not for a moment only: what a suspicion that is under way ends in counts too.
  while (took != kNever && took < seconds(patience)) {
    const double disagreed = seconds_until(
        pool, [&] { return !agreed(); }, 10s);
    if (disagreed == kNever) break;
    const double again = seconds_until(pool, agreed, patience);
    took = again == kNever ? kNever : took + disagreed + again;
  }
  const Traffic sent = pool.traffic() - before;
  view.demand(pool.now());
  outcome.promised(view);
  outcome.always(raises);
  outcome.finish(pool);
  return {took, static_cast<double>(census.false_deaths()),
          static_cast<double>(sent.bytes()) / static_cast<double>(setting.nodes) / 1000};
}

}  // namespace

Outcome halves(const Setting& setting) {
  Outcome outcome;
  const std::size_t half = setting.nodes / 2;
  const Result result =
      divide(setting, {[half](HostIndex a, HostIndex b) { return (a < half) != (b < half); }}, 120s,
             300s, outcome);
  outcome.number("agreed_s", result.agreed_s);
  outcome.number("kilobytes_per_node", result.kilobytes_per_node);
  return outcome;
}

Outcome partition_shapes(const Setting& setting) {
  Outcome outcome;
  const std::size_t n = setting.nodes;
  const auto side = [n](HostIndex host) { return host < n / 2; };
  const auto across = [side](HostIndex a, HostIndex b) { return side(a) != side(b); };
  const std::uint64_t seed = setting.seed;
  const std::pair<const char*, Network::Fault> shapes[] = {
      {"one_alone", {[](HostIndex a, HostIndex b) { return (a == 0) != (b == 0); }}},
      {"thirds", {[](HostIndex a, HostIndex b) { return a % 3 != b % 3; }}},
      {"every_one_alone", {[](HostIndex, HostIndex) { return true; }}},
      {"one_way_halves", {[side](HostIndex a, HostIndex b) { return side(a) && !side(b); }}},
      {"bridged_halves",
       {[across](HostIndex a, HostIndex b) { return a != 0 && b != 0 && across(a, b); }}},
      {"third_of_the_pairs", {[seed](HostIndex a, HostIndex b) {
         return mix64(seed ^ mix64(std::min(a, b) << 20 | std::max(a, b))) % 3 == 0;
       }}},
      {"packets_alone", {across, true, false}},
      {"streams_alone", {across, false, true}},
  };
  double worst = 0;
  for (const auto& [name, fault] : shapes) {
    const Result result = divide(setting, fault, 60s, 120s, outcome);
    outcome.number(std::string(name) + "_agreed_s", result.agreed_s);
    outcome.number(std::string(name) + "_deaths", result.dead);
    worst = std::max(worst, result.agreed_s);
  }
  outcome.number("worst_agreed_s", worst);
  return outcome;
}

}  // namespace kith::sim::pool
