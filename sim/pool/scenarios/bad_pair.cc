// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "sim/pool/scenarios/common.h"

namespace kith::sim::pool {

using namespace std::chrono_literals;

Outcome bad_pair(const Setting& setting) {
  Outcome outcome;
  const auto one_way = [](HostIndex a, HostIndex b) { return a == 0 && b == 1; };
  const auto both_ways = [](HostIndex a, HostIndex b) { return a + b == 1; };
  const std::pair<const char*, Network::Fault> faults[] = {
      {"one_way", {one_way}},
      {"packets", {both_ways, true, false}},
      {"streams", {both_ways, false, true}},
      {"everything", {both_ways}},
  };
  double deaths = 0;
  double unreachable = 0;
  double suspicions = 0;
  for (const auto& [name, fault] : faults) {
    Pool pool(options_of(setting));
    pool.start_known(setting.nodes);
    Census census(pool);
    OnlyTheSubjectRaises raises;
    NobodyDiesWrongly wrongly([&](HostIndex host) { return pool.up(host); });
    pool.watch(census);
    pool.watch(raises);
    pool.watch(wrongly);
    pool.run_for(some(pool, 3s, 5s));
    pool.network().add(fault);
    pool.run_for(10min);
    deaths += static_cast<double>(census.false_deaths());
    unreachable += static_cast<double>(census.false_unreachable());
    suspicions += static_cast<double>(census.suspicions());
    outcome.number(std::string(name) + "_suspicions", static_cast<double>(census.suspicions()));
    outcome.promised(wrongly);
    outcome.always(raises);
    outcome.finish(pool);
  }
  outcome.number("deaths", deaths);
  outcome.number("unreachable", unreachable);
  outcome.number("suspicions", suspicions);
  return outcome;
}

}  // namespace kith::sim::pool
