// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kith {

/// Moments at which something is due, earliest first. What is no longer wanted is not taken out but
/// recognised when its moment comes, or when the dead outnumber the living: nothing to cancel, and
/// the memory stays within twice the living. Equal moments come out in the order they went in.
/// Id must be copyable.
template <class Id>
class DeadlineQueue {
 public:
  void push(TimePoint at, Id id) {
    heap_.push_back({at, order_++, id});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// The next moment, of a living or dead id. Empty: none.
  std::optional<TimePoint> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().at;
  }

  /// Takes out the earliest id that is due at `now`, dead or living.
  std::optional<Id> pop_due(TimePoint now) {
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Id id = heap_.back().id;
    heap_.pop_back();
    return id;
  }

  /// Forgets the dead when they may outnumber `living`. Call it after taking things down; it costs
  /// a constant number of steps per push, on average.
  template <class IsLive>
  void compact(std::size_t living, IsLive&& is_live) {
    if (heap_.size() <= 2 * living + kSlack) return;
    std::erase_if(heap_, [&](const Item& item) { return !is_live(item.id); });
    std::make_heap(heap_.begin(), heap_.end(), later);
    constexpr std::size_t kKeptItems = 256;
    if (heap_.capacity() > kKeptItems && heap_.size() < heap_.capacity() / 4) heap_.shrink_to_fit();
  }

  std::size_t size() const { return heap_.size(); }
  std::size_t memory_bytes() const { return heap_.capacity() * sizeof(Item); }

 private:
  static constexpr std::size_t kSlack = 64;
  struct Item {
    TimePoint at;
    std::uint64_t order;
    Id id;
  };
  static bool later(const Item& a, const Item& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  std::vector<Item> heap_;
  std::uint64_t order_ = 0;
};

}  // namespace kith
