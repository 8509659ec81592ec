// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "base/ids.h"

namespace kith {

/// Which slots this node owns, and since when: each time it becomes a slot's owner is an epoch of
/// its own. What it loaded as the owner counts for as long as that epoch lasts: afterwards another
/// node may have loaded something newer, even when the slot has come back since. Read from any
/// thread, changed by one at a time.
class Tenure {
 public:
  /// The epoch of the present tenure. 0: not this node's slot.
  std::uint64_t of(SlotIndex slot) const {
    // Relaxed: a reader who does not know of a change by other means may be a little late; one that
    // sees half of it sees an epoch that no entry has, or no longer has.
    const std::uint16_t place = places_[slot.value].load(std::memory_order_relaxed);
    return epochs_[place].load(std::memory_order_relaxed);
  }

  /// An epoch of which no slot has been lost, so that what was loaded in it counts whatever its
  /// slot. 0: there is none. Most often it is the epoch of all that there is.
  std::uint64_t unbroken() const { return unbroken_.load(std::memory_order_relaxed); }

  /// The node now owns the slots for which owns(SlotIndex) says so. Those that it did not own
  /// before begin an epoch: `not_before`, which is not 0, or the next after the latest if that is
  /// greater.
  template <class Owns>
  void change(std::uint64_t not_before, Owns&& owns) {
    latest_ = std::max(latest_ + 1, not_before);
    place_ = next_place();
    if (epochs_[place_].load(std::memory_order_relaxed) == unbroken()) break_epoch();
    epochs_[place_].store(latest_, std::memory_order_relaxed);
    bool any_kept = false;
    for (std::uint32_t i = 0; i < kSlotCount; ++i) {
      std::atomic<std::uint16_t>& place = places_[i];
      const bool owned = place.load(std::memory_order_relaxed) != kNotOwned;
      if (!owns(SlotIndex{static_cast<std::uint16_t>(i)})) {
        if (owned && of(SlotIndex{static_cast<std::uint16_t>(i)}) == unbroken()) break_epoch();
        place.store(kNotOwned, std::memory_order_relaxed);
      } else if (!owned) {
        place.store(place_, std::memory_order_relaxed);
      } else {
        any_kept = true;
      }
    }
    if (!any_kept) unbroken_.store(latest_, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  /// Where epochs_ has 0.
  static constexpr std::uint16_t kNotOwned = 0;

  /// One that no slot uses, so that all keep their epochs. Were there slots of so many epochs that
  /// all are in use, those of the one taken would begin an epoch too.
  std::uint16_t next_place() const {
    std::bitset<kPlaces> used;
    used.set(kNotOwned);
    for (const auto& place : places_) used.set(place.load(std::memory_order_relaxed));
    std::uint16_t place = place_;
    for (std::size_t i = 0; i < kPlaces; ++i) {
      place = place == kPlaces - 1 ? std::uint16_t{1} : static_cast<std::uint16_t>(place + 1);
      if (!used.test(place)) break;
    }
    return place;
  }
  void break_epoch() { unbroken_.store(0, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> unbroken_{0};
  std::uint64_t latest_ = 0;
  std::uint16_t place_ = kNotOwned;
  /// Of each slot's epoch: most slots share one, and a quarter of the memory stays in the
  /// processor's caches.
  std::array<std::atomic<std::uint16_t>, kSlotCount> places_{};
  std::array<std::atomic<std::uint64_t>, kPlaces> epochs_{};
};

}  // namespace kith
