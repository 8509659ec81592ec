// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace kith {

/// A count with one writing thread and any number of readers. Readers may see it late, never torn.
class Counter {
 public:
  void add(std::uint64_t amount = 1) {
    // One writer, so a load and a store suffice; relaxed, because a count orders nothing.
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace kith
