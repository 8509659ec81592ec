// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "edge/driver/driver.h"

namespace kith::edge {

/// Calls on their way to a loop: pushed by any thread without a lock or an allocation, taken all at
/// once by the loop.
class Inbox {
 public:
  enum class Pushed : std::uint8_t {
    first,    ///< The loop must be told that there is something.
    behind,   ///< It was told.
    refused,  ///< Closed; the call is still the caller's.
  };

  /// Calls to be pushed together.
  class Batch {
   public:
    void add(Call& call) {
      if (oldest_ == nullptr) oldest_ = &call;
      call.next_ = std::exchange(newest_, &call);
    }
    bool empty() const { return newest_ == nullptr; }

   private:
    friend class Inbox;
    Call* newest_ = nullptr;
    Call* oldest_ = nullptr;
  };

  /// All of the batch, which is not empty, gets in at once, or nothing.
  Pushed push(const Batch& batch) {
    std::uintptr_t head = head_.load(std::memory_order_relaxed);
    do {
      if (head == kClosed) {
        batch.oldest_->next_ = nullptr;
        return Pushed::refused;
      }
      batch.oldest_->next_ = reinterpret_cast<Call*>(head);
      // Release: the loop's acquire sees the calls as they were pushed.
    } while (!head_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(batch.newest_),
                                          std::memory_order_release, std::memory_order_relaxed));
    return head == kEmpty ? Pushed::first : Pushed::behind;
  }

  /// Calls fn(Call&) for each call, in the order they were pushed. `fn` may destroy the call and
  /// push others, which stay in the box. Returns whether there were any. Loop thread only.
  template <class Fn>
  bool take_all(Fn&& fn) {
    if (empty()) return false;
    for_each(address_to_call(head_.exchange(kEmpty, std::memory_order_acquire)), fn);
    return true;
  }

  /// As take_all, and no call gets in any more. Loop thread only, once.
  template <class Fn>
  void close(Fn&& fn) {
    for_each(address_to_call(head_.exchange(kClosed, std::memory_order_acquire)), fn);
  }

  /// Calls fn(Call&) for each call of a batch that was refused, in order.
  template <class Fn>
  static void for_each(const Batch& batch, Fn&& fn) {
    for_each(batch.newest_, fn);
  }

  bool empty() const {
    const std::uintptr_t head = head_.load(std::memory_order_relaxed);
    return head == kEmpty || head == kClosed;
  }

 private:
  /// No Call is at either address.
  static constexpr std::uintptr_t kEmpty = 0;
  static constexpr std::uintptr_t kClosed = 1;

  static Call* address_to_call(std::uintptr_t address) { return reinterpret_cast<Call*>(address); }

  template <class Fn>
  static void for_each(Call* newest, Fn& fn) {
    Call* oldest = nullptr;
    while (newest != nullptr) {
      Call* const call = newest;
      newest = std::exchange(call->next_, oldest);
      oldest = call;
    }
    while (oldest != nullptr) {
      Call& call = *oldest;
      oldest = call.next_;
      fn(call);
    }
  }

  /// The call pushed last, which names the one before it, and so on.
  std::atomic<std::uintptr_t> head_{kEmpty};
};

}  // namespace kith::edge
