// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/epoch.h"

namespace kith {

/// A count that many threads raise at once without waiting for each other's cache lines: the first
/// threads have a stripe each, which nobody else writes; the others share one. Thread-safe.
class StripedCounter {
 public:
  void add(std::uint64_t amount = 1) { add(epoch::record_of_this_thread(), amount); }
  /// The same for who has the thread's record at hand.
  void add(const epoch::ThreadRecord& record, std::uint64_t amount = 1) {
    // Relaxed: a count orders nothing.
    if (record.ordinal < kStripes - 1) {
      std::atomic<std::uint64_t>& mine = stripes_[record.ordinal].value;
      mine.store(mine.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    } else {
      stripes_.back().value.fetch_add(amount, std::memory_order_relaxed);
    }
  }
  std::uint64_t get() const {
    std::uint64_t sum = 0;
    for (const auto& stripe : stripes_) sum += stripe.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr std::size_t kStripes = 16;
  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> value{0};
  };

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace kith
