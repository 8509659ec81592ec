// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/schedule_point.h"

namespace kith {

/// Epoch-based reclamation (Fraser 2004) for all of the process: who reads shared memory without a
/// lock pins the present epoch meanwhile, and who took something out of that memory gives it back
/// only when everybody who was pinned at that time has left.
///
/// A pin writes one line of memory that is its thread's own, without a fence: whoever reclaims
/// makes every running thread pass one instead (membarrier(2)); where the kernel has no such call,
/// a pin has a fence. docs/notes.md, "Reading without locks", has the proof.
namespace epoch {

/// What a thread shows to those who reclaim. Records are reused by later threads, never given back.
struct alignas(64) ThreadRecord {
  /// The epoch at which the thread's outermost pin began. 0: it has none.
  std::atomic<std::uint64_t> pinned{0};
  /// Where the search for a free hold begins. Its own.
  std::uint32_t next_hold = 0;
  /// The records' number, from 0. Set before anybody sees it.
  std::uint32_t ordinal = 0;
  std::atomic<bool> taken{false};
  ThreadRecord* next = nullptr;

  /// What the thread's values hold: see base/lent.h. Taken by the thread, given back by any.
  static constexpr std::size_t kHolds = 64;
  alignas(64) std::array<std::atomic<std::uintptr_t>, kHolds> holds{};
};

/// Raised by every reclaimer that looks; read by every pin.
extern std::atomic<std::uint64_t> g_epoch;
/// Whether pins need a fence of their own.
extern std::atomic<bool> g_pins_need_fence;
/// This thread's record. Null until its first pin.
extern constinit thread_local ThreadRecord* t_record;

ThreadRecord& take_record();

inline ThreadRecord& record_of_this_thread() {
  ThreadRecord* const record = t_record;
  return record != nullptr ? *record : take_record();
}

/// Between what a thread wrote before and what it reads after.
inline void full_fence() {
#ifdef __SANITIZE_THREAD__  // Which knows no fences.
  static std::atomic<int> order{0};
  order.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// The epoch of what has been taken out up to now, for all_left(). A look at other threads' memory
/// is cheap for nobody: retire many things, then ask once.
std::uint64_t retire();
/// Whether nobody is pinned any more who could have found what was taken out before the call of
/// retire() that returned `epoch`.
bool all_left(std::uint64_t epoch);

/// Calls fn(record) for the record of every thread that there ever was.
template <class Fn>
void for_each_record(Fn&& fn);
ThreadRecord* first_record();

template <class Fn>
void for_each_record(Fn&& fn) {
  for (ThreadRecord* record = first_record(); record != nullptr; record = record->next) fn(*record);
}

}  // namespace epoch

/// While one lives, nothing that this thread finds in shared memory is given back. Pins may be
/// nested. What takes long while pinned delays others' memory, never their progress.
class Pin {
 public:
  Pin()
      : record_(epoch::record_of_this_thread()),
        outermost_(record_.pinned.load(std::memory_order_relaxed) == 0) {
    if (!outermost_) return;
    // Acquire: pairs with retire(): who sees an epoch does not find what was taken out before it.
    // Release: who reads it knows what the thread did in its pins before.
    const std::uint64_t present = epoch::g_epoch.load(std::memory_order_acquire);
    schedule::point("pin: has read the epoch");
    record_.pinned.store(present, std::memory_order_release);
    if (epoch::g_pins_need_fence.load(std::memory_order_relaxed)) epoch::full_fence();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    schedule::point("pin: begun");
  }
  ~Pin() {
    schedule::point("pin: ends");
    if (outermost_) record_.pinned.store(0, std::memory_order_release);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  epoch::ThreadRecord& record() const { return record_; }

 private:
  epoch::ThreadRecord& record_;
  const bool outermost_;
};

}  // namespace kith
