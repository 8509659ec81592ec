// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "store/memory/arena.h"

namespace kith::store {

/// When to look at which items, because their time is over: hierarchical timing wheels (Varghese
/// and Lauck 1987) of handles. A handle may be out of date when it is due, or not be over for long:
/// the user looks, and adds it again in the latter case. Not thread-safe.
class Wheel {
 public:
  /// Has `handle` looked at when `when` has come, up to a tick later, and up to five times before.
  void add(Handle handle, TimePoint when) {
    const std::int64_t tick = tick_of(when);
    const std::int64_t ahead = tick + 1 - now_;
    std::size_t level = 0;
    while (level + 1 < kLevels && ahead > std::int64_t{kSlots} << (kLevelBits * level)) ++level;
    // On the lowest wheel the turn after; on the others the one before, from where it comes down.
    const auto unit = static_cast<std::int64_t>(kLevelBits * level);
    const std::int64_t turn =
        level == 0 ? std::max(tick, now_) + 1
                   : std::min(tick >> unit, (now_ >> unit) + std::int64_t{kSlots} - 1);
    slots_[level][static_cast<std::size_t>(turn) % kSlots].push_back(handle);
    ++size_;
  }

  /// Moves time on, and calls look(handle) for at most `most` of the handles that are due. Must be
  /// called often enough; what it did not come to is left for the next calls.
  template <class Look>
  void advance(TimePoint now, std::size_t most, Look&& look) {
    turn_to(tick_of(now));
    for (; most > 0 && !due_.empty(); --most) {
      std::vector<Handle>& handles = due_.front();
      const Handle handle = handles.back();
      handles.pop_back();
      if (handles.empty()) due_.pop_front();
      --size_;
      look(handle);
    }
  }

  std::size_t bytes() const { return size_ * sizeof(Handle) * 3 / 2; }
  void clear() { *this = Wheel(); }

 private:
  static constexpr std::size_t kLevels = 6;
  static constexpr std::size_t kLevelBits = 4;
  static constexpr std::size_t kSlots = 16;
  /// 2^27 ns: 0.13 s; the wheels turn in 2 s, 34 s, 9 min, 2.4 h, 39 h and 26 days.
  static constexpr int kTickBits = 27;

  static std::int64_t tick_of(TimePoint time) {
    return time.time_since_epoch().count() >> kTickBits;
  }

  void turn_to(std::int64_t tick) {
    if (tick <= now_) return;
    for (std::size_t level = 0; level < kLevels; ++level) {
      const auto unit = static_cast<std::int64_t>(kLevelBits * level);
      const std::int64_t turns = std::min<std::int64_t>((tick >> unit) - (now_ >> unit), kSlots);
      for (std::int64_t turn = 1; turn <= turns; ++turn) {
        std::vector<Handle>& slot =
            slots_[level][static_cast<std::size_t>((now_ >> unit) + turn) % kSlots];
        if (!slot.empty()) due_.push_back(std::exchange(slot, {}));
      }
      if (turns == 0) break;
    }
    now_ = tick;
  }

  std::int64_t now_ = 0;
  std::array<std::array<std::vector<Handle>, kSlots>, kLevels> slots_;
  /// Whose slots have been passed.
  std::deque<std::vector<Handle>> due_;
  std::size_t size_ = 0;
};

}  // namespace kith::store
