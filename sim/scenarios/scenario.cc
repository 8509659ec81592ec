// SPDX-License-Identifier: Apache-2.0
#include "sim/scenarios/scenario.h"

#include <array>

#include "base/hash.h"
#include "base/rng.h"

namespace kith::sim {
namespace {

constexpr std::array kScenarios = {
    Scenario{"stable_fill", "nothing goes wrong: one load per key", 6, stable_fill},
    Scenario{"ten_thousand_callers", "10 000 callers on 16 nodes want one key: one load", 1,
             ten_thousand_callers},
    Scenario{"disagreeing_views", "two fixed views: at most two loads per key, nobody waits long",
             6, disagreeing_views},
    Scenario{"mutual_owners", "two nodes that each take the other for the owner, under load", 6,
             mutual_owners},
    Scenario{"view_change", "views change in motion", 6, view_change},
    Scenario{"moved_keys", "keys change owners and come back; all read the same", 4, moved_keys},
    Scenario{"first_caller_leaves", "the first caller gives up: the others do not notice", 6,
             first_caller_leaves},
    Scenario{"last_caller_leaves", "all callers give up: the load is cancelled", 6,
             last_caller_leaves},
    Scenario{"owner_killed", "the owner dies in the middle of a load", 6, owner_killed},
    Scenario{"owner_black_holed", "the owner falls silent in the middle of a load", 6,
             owner_black_holed},
    Scenario{"ranks_killed", "the owner and all its stand-ins die", 4, ranks_killed},
    Scenario{"bad_loaders", "loaders fail, throw, hang, answer twice and late", 6, bad_loaders},
    Scenario{"slow_origin_overload", "more loads wanted than the origin can do", 6,
             slow_origin_overload},
    Scenario{"expiry", "short lives, early refresh, stale values while the origin is ill", 6,
             expiry},
    Scenario{"slow_peer", "answers of some nodes become slow: second requests go out", 4,
             slow_peer},
    Scenario{"lossy_network", "messages are lost, doubled and overtaken", 6, lossy_network},
    Scenario{"partition_and_heal", "the network falls apart and comes together", 6,
             partition_and_heal},
    Scenario{"pauses", "nodes stand still for a while", 6, pauses},
    Scenario{"restarts", "nodes die and come back with empty memory", 6, restarts},
    Scenario{"shut_downs", "nodes leave as planned", 4, shut_downs},
    Scenario{"hostile_keys", "keys and values at and beyond the edges", 2, hostile_keys},
    Scenario{"mixed", "everything at once", 14, mixed},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : kScenarios) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

const Scenario& scenario_of(std::uint64_t seed) {
  std::uint64_t total = 0;
  for (const Scenario& scenario : kScenarios) total += scenario.weight;
  // Spread, so that neighbouring seeds are different scenarios, and not in step with any period of
  // the seeds themselves.
  std::uint64_t draw = Rng(mix64(seed + 1)).below(total);
  for (const Scenario& scenario : kScenarios) {
    if (draw < scenario.weight) return scenario;
    draw -= scenario.weight;
  }
  return kScenarios.back();
}

}  // namespace kith::sim
