// SPDX-License-Identifier: Apache-2.0
#include <iterator>
#include <string>

#include "sim/checkers/everyone_served.h"
#include "sim/checkers/exactly_one_load.h"
#include "sim/scenarios/scenario.h"
#include "sim/scenarios/swarm.h"

namespace kith::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::string_literals;

void hostile_keys(Simulation& sim) {
  Rng& rng = sim.rng();
  SimulationPlan plan;
  plan.nodes = draw_nodes(rng, 2, 5);
  // Two caches that must not be mistaken for each other, with the same keys.
  plan.caches = {CachePlan{}, CachePlan{}};
  plan.caches[1].name = "cache/2";
  for (CachePlan& cache : plan.caches) {
    cache.options = draw_lasting_options(rng);
    cache.memory_bytes = std::uint64_t{64} << 20;
  }
  std::vector<std::string> names = {
      "a b",      "a+b",       "a%20b", "a//b", "a/b",  "..",      "/../", "\0"s, "\0\0"s, "a\0b"s,
      "\xff\xfe", "\xc3\x28"s, " ",     "\n",   "\r\n", "get a b", "{}",   "'--", "a",     "A"};
  // As long as keys may be, equal but for the last byte.
  const std::string longest(64 * 1024 - 1, 'x');
  names.push_back(longest + 'y');
  names.push_back(longest + 'z');
  names.push_back(longest);
  for (std::size_t cache = 0; cache < plan.caches.size(); ++cache) {
    for (const std::string& name : names) {
      KeyPlan key;
      key.bytes = name;
      key.cache = cache;
      static constexpr std::size_t kSizes[] = {0, 16, 511, 512, 513, 100'000};
      key.value_bytes = kSizes[rng.below(std::size(kSizes))];
      plan.keys.push_back(std::move(key));
    }
  }
  plan.keys[0].value_bytes = std::size_t{1} << 20;
  plan.quality = draw_quality(rng);
  sim.build(plan);
  sim.watch<ExactlyOneLoad>();
  sim.watch<EveryoneServed>(seconds(10));
  sim.start_all();
  Traffic traffic;
  traffic.requests = 100;
  traffic.span = milliseconds(300);
  traffic.least_timeout = traffic.most_timeout = seconds(20);
  plan_traffic(sim, traffic);
  sim.conclude();
}

}  // namespace kith::sim
