// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <atomic>
#include <chrono>

namespace kith::edge::discovery {

/// The time by which a source's thread waits.
using Clock = std::chrono::steady_clock;

/// Tells a thread that sleeps in poll to end. Thread-safe.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// False: the process has no descriptor left, and nobody can be waited for.
  bool valid() const { return descriptor_ >= 0; }
  /// Becomes readable once raised, and stays so.
  int descriptor() const { return descriptor_; }
  void raise();
  bool raised() const { return raised_; }
  /// Returns early when it is raised.
  void sleep_until(Clock::time_point until) const;
  void sleep(Duration duration) const { sleep_until(Clock::now() + duration); }

 private:
  std::atomic<bool> raised_ = false;
  int descriptor_;
};

/// What poll and its like take: whole milliseconds from now to `until`, rounded up, 0 to an hour.
int poll_timeout(Clock::time_point until);

}  // namespace kith::edge::discovery
