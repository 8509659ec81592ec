// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace kith::store {

/// Objects that are costly to make, kept between uses: at most kSlots of them, what comes on top is
/// destroyed. When whoever finds none here makes one, there are never more objects than were in use
/// at once. Thread-safe, without locks.
template <class T>
class IdlePool {
 public:
  static constexpr std::size_t kSlots = 16;

  IdlePool() = default;
  IdlePool(const IdlePool&) = delete;
  IdlePool& operator=(const IdlePool&) = delete;
  ~IdlePool() { clear(); }

  /// An idle object, if possible the one that this thread used last. Null: there is none.
  std::unique_ptr<T> take() {
    const std::size_t first = home();
    for (std::size_t i = 0; i < kSlots; ++i) {
      std::atomic<T*>& slot = slots_[(first + i) % kSlots].object;
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      // The acquire pairs with the release in give(): what the last user wrote is visible.
      if (T* object = slot.exchange(nullptr, std::memory_order_acquire)) {
        return std::unique_ptr<T>(object);
      }
    }
    return nullptr;
  }

  /// Keeps the object for the next take(), or destroys it when the pool is full.
  void give(std::unique_ptr<T> object) {
    const std::size_t first = home();
    for (std::size_t i = 0; i < kSlots; ++i) {
      T* expected = nullptr;
      if (slots_[(first + i) % kSlots].object.compare_exchange_strong(
              expected, object.get(), std::memory_order_release, std::memory_order_relaxed)) {
        static_cast<void>(object.release());
        return;
      }
    }
  }

  /// Destroys the idle objects.
  void clear() {
    for (Slot& slot : slots_) {
      std::unique_ptr<T> object(slot.object.exchange(nullptr, std::memory_order_acquire));
    }
  }

 private:
  struct alignas(64) Slot {
    std::atomic<T*> object{nullptr};
  };

  /// Where the calling thread looks first.
  static std::size_t home() {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kSlots;
    return mine;
  }

  std::array<Slot, kSlots> slots_;
};

}  // namespace kith::store
