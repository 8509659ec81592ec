// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

namespace kith::fetch {

/// How many loads may run at once: lowered while the origin's latency rises above its own long-term
/// average, raised again by the square root of the limit when it falls. The gradient rule of
/// Netflix's concurrency-limits. Pure; loop thread only.
class Limiter {
 public:
  /// `cap` >= 1 is the most that the limit ever is, and what it starts at.
  explicit Limiter(int cap);

  bool may_start() const { return running_ < limit(); }
  int limit() const { return static_cast<int>(limit_); }
  int running() const { return running_; }

  void started() { ++running_; }
  /// A load ended by itself, or ran out of time, after `latency`.
  void finished(Duration latency);
  /// A load was given up: its latency says nothing about the origin.
  void abandoned() { --running_; }

 private:
  void adjust();

  double cap_;
  double floor_;
  double limit_;
  int running_ = 0;
  /// Exponential averages of latency in nanoseconds over about 8 and 600 loads; 0: no sample yet.
  double recent_ = 0;
  double usual_ = 0;
};

}  // namespace kith::fetch
