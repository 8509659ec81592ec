// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace kith {

/// What one resource adds to a total of bytes, until it is destroyed. Different charges of one
/// total may be changed at once; one charge is as thread-safe as an int.
class MemoryCharge {
 public:
  using Total = std::atomic<std::size_t>;

  /// Adds nothing yet. `total` must outlive the charge.
  explicit MemoryCharge(Total& total) : total_(&total) {}
  MemoryCharge(MemoryCharge&& other) noexcept
      : total_(other.total_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&&) = delete;
  ~MemoryCharge() { set(0); }

  /// Adds `bytes` instead of what it added before.
  void set(std::size_t bytes) {
    // Relaxed: a count orders nothing. A difference below zero wraps around, and so does the sum.
    if (bytes != bytes_) total_->fetch_add(bytes - bytes_, std::memory_order_relaxed);
    bytes_ = bytes;
  }

 private:
  Total* total_;
  std::size_t bytes_ = 0;
};

}  // namespace kith
