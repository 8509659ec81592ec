// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/value.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/epoch.h"
#include "base/schedule_point.h"

namespace kith {

/// Memory that a store lends to values: it begins with this count. The store itself has one of the
/// references, and gives it up when the entry is gone and nobody can find it any more.
///
/// A value from a hit does not count, because two processors that count at one place wait for each
/// other: it *holds*. Its thread writes the memory's address into a cell of its own, and the value
/// empties the cell when it is done. Before a store gives up its reference it turns the holds that
/// are left into counts. A copy of a value counts.
struct Lent {
  std::atomic<std::uint16_t> references;
};

/// Whose memory it is. Lies at the last multiple of kSpanBytes before all that it lends.
class Lender {
 public:
  static constexpr std::uintptr_t kSpanBytes = std::uintptr_t{1} << 32;

  /// Nobody refers to the memory any more. Called by any thread.
  virtual void take_back(Lent& lent) noexcept = 0;

  static Lender& of(const Lent& lent) {
    return **reinterpret_cast<Lender**>(reinterpret_cast<std::uintptr_t>(&lent) &
                                        ~(kSpanBytes - 1));
  }

 protected:
  ~Lender() = default;
};

/// A value that uses lent memory. Requires that the memory was found with `pin`, which still lives.
inline Value lend(Lent& lent, std::string_view bytes, const Pin& pin);

/// The same when the thread's next cell is in use.
Value lend_otherwise(Lent& lent, std::string_view bytes, const Pin& pin);

inline Value lend(Lent& lent, std::string_view bytes, const Pin& pin) {
  epoch::ThreadRecord& record = pin.record();
  auto& cell = record.holds[record.next_hold++ % epoch::ThreadRecord::kHolds];
  // Acquire: the last value's reads are over before this one's. Only this thread fills the cell.
  if (cell.load(std::memory_order_acquire) != 0) return lend_otherwise(lent, bytes, pin);
  schedule::point("lend: has a cell");
  // Relaxed: whoever finds the pin gone finds the hold.
  cell.store(reinterpret_cast<detail::Owner>(&lent), std::memory_order_relaxed);
  return Value::lent(reinterpret_cast<detail::Owner>(&cell) | detail::kHeld, bytes);
}

/// One reference less, the last of which gives the memory back.
void release(Lent& lent) noexcept;

/// Turns the holds of all that `ours(const Lent&)` is true of into counts. Requires that no pin is
/// left that could have found it (epoch::all_left), and that the caller has a reference to each.
template <class Ours>
void count_holds(Ours&& ours) {
  epoch::for_each_record([&ours](epoch::ThreadRecord& record) {
    for (std::atomic<detail::Owner>& cell : record.holds) {
      detail::Owner held = cell.load(std::memory_order_acquire);
      if (held == 0 || (held & detail::kOwnerKinds) != 0) continue;
      auto* const lent = reinterpret_cast<Lent*>(held);
      if (!ours(*lent)) continue;
      schedule::point("count_holds: found one");
      // Counted before the cell says so, because then its value may give the count up at once.
      lent->references.fetch_add(1, std::memory_order_relaxed);
      schedule::point("count_holds: counted");
      if (!cell.compare_exchange_strong(held, held | detail::kCounted, std::memory_order_acq_rel)) {
        lent->references.fetch_sub(1, std::memory_order_relaxed);
      }
    }
  });
}

}  // namespace kith
