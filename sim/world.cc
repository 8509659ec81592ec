// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include <algorithm>
#include <utility>

namespace kith::sim {

void World::at(TimePoint when, Task task) {
  heap_.push_back({std::max(when, now_), order_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void World::run_until(TimePoint end) {
  while (!heap_.empty() && heap_.front().at <= end && !exhausted()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    // Moved out before it runs, because it may set further tasks.
    Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.at;
    ++steps_;
    event.task();
  }
  now_ = std::max(now_, end);
}

}  // namespace kith::sim
