// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace kith::sim {

/// Virtual time, and what is to happen when. Tasks of the same moment run in the order in which
/// they were set. One thread only.
class World {
 public:
  using Task = std::function<void()>;

  TimePoint now() const { return now_; }

  /// A moment that has passed already means: now, after all that was set for now before.
  void at(TimePoint when, Task task);
  void after(Duration wait, Task task) { at(now_ + wait, std::move(task)); }

  /// Runs everything due up to and including `end`; the clock then stands there.
  void run_until(TimePoint end);
  void run_for(Duration span) { run_until(now_ + span); }

  /// Tasks run so far.
  std::uint64_t steps() const { return steps_; }
  /// More tasks ran than any simulation needs: no further ones will, so that a flood that feeds
  /// itself ends.
  bool exhausted() const { return steps_ >= kMostSteps; }

 private:
  struct Event {
    TimePoint at;
    std::uint64_t order;
    Task task;
  };
  static bool later(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  static constexpr std::uint64_t kMostSteps = 5'000'000;

  /// Starts above zero, so that an uninitialized time point is noticed as one of the past.
  TimePoint now_ = TimePoint(std::chrono::seconds(1000));
  std::vector<Event> heap_;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace kith::sim
