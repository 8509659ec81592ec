// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kith {

/// A count that many threads raise at once without waiting for each other's cache lines: each
/// thread has one of a few stripes. Thread-safe.
class StripedCounter {
 public:
  void add(std::uint64_t amount = 1) {
    // Relaxed: a count orders nothing.
    stripes_[stripe()].value.fetch_add(amount, std::memory_order_relaxed);
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

  static std::size_t stripe() {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
    return mine;
  }

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace kith
