// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace kith {

/// A span of time. Signed nanoseconds, so that every unit of std::chrono converts to it.
using Duration = std::chrono::nanoseconds;

/// Marks time points that are counted from an arbitrary start and never jump. It has no now():
/// the process's loop reads the real clock once a turn, the simulator makes time up, and all code
/// between them is handed the time it acts at.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

/// A moment on MonotonicClock. Comparable only within one process (or one simulation).
using TimePoint = MonotonicClock::time_point;

}  // namespace kith
