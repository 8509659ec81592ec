// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

namespace kith::bench::hitrate {

/// Says by how much to change the window of W-TinyLFU, as Caffeine does: after a sample of requests
/// it goes on in its direction if the hit ratio rose and turns around if it fell. The step shrinks
/// each time, and is a sixteenth of the capacity again once the hit ratio has changed much.
class WindowClimber {
 public:
  /// `objects`: how many the cache holds, for the length of a sample.
  WindowClimber(std::uint64_t capacity, std::uint64_t objects)
      : first_step_(kStepShare * static_cast<double>(capacity)),
        sample_(10 * objects),
        step_(-first_step_) {}

  /// Counts a request. Returns what to add to the window's capacity, mostly zero.
  std::int64_t count(bool hit) {
    ++(hit ? hits_ : misses_);
    if (hits_ + misses_ < sample_) return 0;
    const double ratio = static_cast<double>(hits_) / static_cast<double>(hits_ + misses_);
    const double change = ratio - last_ratio_;
    const double amount = change >= 0 ? step_ : -step_;
    step_ = std::abs(change) >= kRestartChange ? std::copysign(first_step_, amount)
                                               : kStepDecay * amount;
    last_ratio_ = ratio;
    hits_ = misses_ = 0;
    return static_cast<std::int64_t>(amount);
  }

 private:
  static constexpr double kStepShare = 0.0625;
  static constexpr double kStepDecay = 0.98;
  static constexpr double kRestartChange = 0.05;

  const double first_step_;
  const std::uint64_t sample_;
  double step_;
  double last_ratio_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace kith::bench::hitrate
