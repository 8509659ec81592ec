// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

namespace kith::fetch {

/// In the order in which waiting loads get their turn.
enum class Priority : std::uint8_t {
  local,        ///< A user of this node waits.
  remote,       ///< Only other nodes wait.
  last_resort,  ///< For a key whose ranked nodes are all gone; few at a time.
  refresh,      ///< Nobody waits yet.
};

/// Loads waiting for the limiter. First come, first served while the wait is short. When even the
/// oldest has waited longer than `target` for a whole `interval`, the newest goes first: its
/// callers still have time left, while those of the oldest are about to give up, and loading for
/// them would waste the origin. (CoDel's detection of a standing queue with adaptive LIFO; nothing
/// is dropped here: callers' deadlines do that.) Pure; loop thread only.
class LoadQueue {
 public:
  using Handle = std::uint64_t;
  static constexpr Duration kTarget = std::chrono::milliseconds(5);
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  void push(Handle flight, Priority priority, TimePoint now);
  /// The next load to start, or empty. `waiting` says whether a flight still waits in this
  /// priority: those that do not are dropped on the way. `last_resort` allows that priority.
  std::optional<Handle> pop(TimePoint now, bool last_resort,
                            const std::function<bool(Handle, Priority)>& waiting);

  /// Whether the newest goes first at present.
  bool newest_first() const { return newest_first_; }

 private:
  struct Item {
    Handle flight;
    TimePoint since;
  };
  void observe(Duration oldest_wait, TimePoint now);

  std::array<std::deque<Item>, 4> items_;
  /// When the standing queue is proven, if the wait stays above the target until then.
  std::optional<TimePoint> proven_at_;
  bool newest_first_ = false;
};

}  // namespace kith::fetch
