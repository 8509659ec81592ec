// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/load_queue.h"

namespace kith::fetch {

void LoadQueue::push(Handle flight, Priority priority, TimePoint now) {
  items_[static_cast<std::size_t>(priority)].push_back({flight, now});
}

std::optional<LoadQueue::Handle> LoadQueue::pop(
    TimePoint now, bool last_resort, const std::function<bool(Handle, Priority)>& waiting) {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto priority = static_cast<Priority>(i);
    if (priority == Priority::last_resort && !last_resort) continue;
    auto& queue = items_[i];
    while (!queue.empty() && !waiting(queue.front().flight, priority)) queue.pop_front();
    while (!queue.empty() && !waiting(queue.back().flight, priority)) queue.pop_back();
    if (queue.empty()) continue;
    observe(now - queue.front().since, now);
    const Handle flight = newest_first_ ? queue.back().flight : queue.front().flight;
    newest_first_ ? queue.pop_back() : queue.pop_front();
    return flight;
  }
  observe(Duration::zero(), now);
  return std::nullopt;
}

void LoadQueue::observe(Duration oldest_wait, TimePoint now) {
  if (oldest_wait < kTarget) {
    proven_at_.reset();
    newest_first_ = false;
  } else if (!proven_at_) {
    proven_at_ = now + kInterval;
  } else if (now >= *proven_at_) {
    newest_first_ = true;
  }
}

}  // namespace kith::fetch
