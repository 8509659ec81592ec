// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <chrono>

namespace kith::membership {

/// How often something may be done that others can cause: `per_second` in the long run, `burst` at
/// once. Pure; one thread.
class Allowance {
 public:
  Allowance(double per_second, double burst)
      : per_second_(per_second), burst_(burst), left_(burst) {}

  bool take(TimePoint now) {
    const std::chrono::duration<double> passed = now - at_;
    if (passed.count() > 0) {
      left_ = std::min(burst_, left_ + passed.count() * per_second_);
      at_ = now;
    }
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double left_;
  TimePoint at_{};
};

}  // namespace kith::membership
