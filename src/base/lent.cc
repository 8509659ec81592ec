// SPDX-License-Identifier: Apache-2.0
#include "base/lent.h"

namespace kith {
namespace {

using detail::kCounted;
using detail::kHeld;
using detail::kOwnerKinds;
using detail::Owner;

/// Further cells that a hit tries before it counts.
constexpr std::uint32_t kTries = 3;

/// Copies count up to here. Above, there is room for the holds of every thread of a large machine.
constexpr std::uint16_t kMostCopies = 1u << 15;

Lent& lent_of(Owner owner) { return *reinterpret_cast<Lent*>(owner & ~kOwnerKinds); }
Owner address_of(const Lent& lent) { return reinterpret_cast<Owner>(&lent); }

bool count_one(Lent& lent, std::uint16_t most) {
  std::uint16_t count = lent.references.load(std::memory_order_relaxed);
  do {
    if (count >= most) return false;
  } while (!lent.references.compare_exchange_weak(count, static_cast<std::uint16_t>(count + 1),
                                                  std::memory_order_relaxed));
  return true;
}

}  // namespace

Value lend_otherwise(Lent& lent, std::string_view bytes, const Pin& pin) {
  epoch::ThreadRecord& record = pin.record();
  for (std::uint32_t tried = 0; tried < kTries; ++tried) {
    // As in lend().
    auto& cell = record.holds[record.next_hold++ % epoch::ThreadRecord::kHolds];
    if (cell.load(std::memory_order_acquire) != 0) continue;
    schedule::point("lend: has a cell");
    cell.store(address_of(lent), std::memory_order_relaxed);
    return Value::lent(reinterpret_cast<Owner>(&cell) | kHeld, bytes);
  }
  if (count_one(lent, kMostCopies)) return Value::lent(address_of(lent) | kCounted, bytes);
  return Value::copy_of(bytes);
}

void release(Lent& lent) noexcept {
  // As for any reference count: all reads happen before the memory is given back.
  if (lent.references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    schedule::point("release: was the last");
    Lender::of(lent).take_back(lent);
  }
}

namespace detail {

Owner share_lent(Owner owner) noexcept {
  if ((owner & kHeld) != 0) {
    // Whose value is being copied, so the cell stays as it is, but that it may come to count.
    owner = reinterpret_cast<std::atomic<Owner>*>(owner & ~kHeld)->load(std::memory_order_acquire);
    schedule::point("share: has read the cell");
  }
  return count_one(lent_of(owner), kMostCopies) ? address_of(lent_of(owner)) | kCounted : 0;
}

void give_back_counted(Owner owner) noexcept {
  schedule::point("value: gives its count up");
  release(lent_of(owner));
}

}  // namespace detail
}  // namespace kith
