// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/scenario.h"

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "sim/pool/pool.h"

namespace kith::sim::pool {
namespace {

constexpr Scenario kScenarios[] = {
    {"host_vanishes", "one host is gone with its kernel", host_vanishes},
    {"process_killed", "one process dies; its kernel refuses connections", process_killed},
    {"lossy_hours", "packets are lost for hours; nobody dies", lossy_hours},
    {"short_pauses", "5 % of the members stand still for 1 to 5 s now and then", short_pauses},
    {"paused_members", "10 % of the members stand still for 1 to 30 s again and again",
     paused_members},
    {"tight_pauses", "20 % of the members stand still for 5 s in a tight loop", tight_pauses},
    {"idle", "nothing happens", idle},
    {"join_spreads", "one node joins", join_spreads},
    {"change_spreads", "one node has something new to say about itself", change_spreads},
    {"newcomer", "one node joins and learns everybody", newcomer},
    {"halves", "two halves do not hear each other for 120 s", halves},
    {"partition_shapes", "partitions of every shape, for 60 s each", partition_shapes},
    {"new_address", "one node restarts under its name at another address", new_address},
    {"swapped_addresses", "two nodes restart at each other's address", swapped_addresses},
    {"renamed_fifth", "20 % restart in place under new names", renamed_fifth},
    {"rolling_restart", "all restart, one after the other, in place and elsewhere",
     rolling_restart},
    {"rack_dies", "10 % of the hosts are gone at once", rack_dies},
    {"bad_pair", "something between two nodes is broken", bad_pair},
    {"key_rotation", "the keys are changed while 10 % are down", key_rotation},
    {"cold_start", "3 to 50 nodes start at once", cold_start},
    {"clock_jumps", "clocks of single hosts go ahead", clock_jumps},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  const auto* found = std::ranges::find(kScenarios, name, &Scenario::name);
  return found == std::end(kScenarios) ? nullptr : found;
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void Outcome::finish(const Pool& pool) {
  trace = mix64(trace ^ pool.trace());
  steps += pool.steps();
}

}  // namespace kith::sim::pool
