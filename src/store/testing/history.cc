// SPDX-License-Identifier: Apache-2.0
#include "store/testing/history.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

namespace kith::store {

bool applies(const Operation& operation, std::uint64_t& value, Memory memory) {
  const std::uint64_t before = value;
  switch (operation.kind) {
    case Operation::Kind::put:
      value = operation.value;
      return true;
    case Operation::Kind::get:
      // What forgets may have done so just before.
      if (operation.value == 0 && memory == Memory::forgets) value = 0;
      return value == operation.value;
    case Operation::Kind::erase:
      value = 0;
      if (operation.value == 0 && memory == Memory::forgets) return true;
      return (before != 0) == (operation.value != 0);
    case Operation::Kind::clear:
      value = 0;
      return true;
  }
  return false;
}

// Wing and Gong's search, breadth first and just in time (Lowe 2017): goes through begins and ends
// in their order and keeps all the states that are possible: the register's value, and which of
// the running operations have taken effect. An operation needs to take effect only when some
// running one is about to end, so there is nothing to do at begins; at an end, running operations
// take effect in every order that the answers allow, and states in which the one that ends has not
// are given up. As every order is tried, no legal history is refused and no other accepted. With
// at most T operations at a time there are at most 2^T (T + 1) states, whatever the length: T of
// the values are of running operations, or of those that were so when the state was made.
bool is_linearizable_register(std::span<const Operation> operations, Memory memory) {
  struct Event {
    std::uint64_t moment;
    std::size_t operation;
    bool end;
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    events.push_back({operations[i].begin, i, false});
    events.push_back({operations[i].end, i, true});
  }
  std::ranges::sort(events, {}, &Event::moment);

  /// The value, and the places in `running` of those that have taken effect, one bit for each.
  using State = std::pair<std::uint64_t, std::uint32_t>;
  constexpr std::size_t kFree = SIZE_MAX;
  std::array<std::size_t, 32> running;
  running.fill(kFree);
  std::set<State> states = {{0, 0}};
  for (const Event& event : events) {
    if (!event.end) {
      *std::ranges::find(running, kFree) = event.operation;
      continue;
    }
    const auto place = std::ranges::find(running, event.operation) - running.begin();
    const auto ending = std::uint32_t{1} << place;
    std::set<State> seen = states;
    std::vector<State> open(states.begin(), states.end());
    states.clear();
    while (!open.empty()) {
      const State state = open.back();
      open.pop_back();
      if ((state.second & ending) != 0) {
        states.insert({state.first, state.second & ~ending});
        continue;  // The others can wait for their ends.
      }
      for (std::size_t i = 0; i < running.size(); ++i) {
        const auto bit = std::uint32_t{1} << i;
        if (running[i] == kFree || (state.second & bit) != 0) continue;
        State next = {state.first, state.second | bit};
        if (!applies(operations[running[i]], next.first, memory)) continue;
        if (seen.insert(next).second) open.push_back(next);
      }
    }
    if (states.empty()) return false;
    running[static_cast<std::size_t>(place)] = kFree;
  }
  return true;
}

std::vector<std::uint64_t> keys_gone_wrong(std::span<const Operation> history, Memory memory) {
  std::vector<std::vector<Operation>> by_key;
  for (const Operation& operation : history) {
    if (by_key.size() <= operation.key) by_key.resize(operation.key + 1);
    by_key[operation.key].push_back(operation);
  }
  std::vector<std::uint64_t> wrong;
  for (std::size_t key = 0; key < by_key.size(); ++key) {
    if (!is_linearizable_register(by_key[key], memory)) wrong.push_back(key);
  }
  return wrong;
}

}  // namespace kith::store
