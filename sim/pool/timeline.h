// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::sim::pool {

/// Virtual time, and what is to happen when: small plain records, because a pool of thousands has
/// many millions of them. Records of the same moment come in the order in which they were set.
template <class Record>
class Timeline {
 public:
  TimePoint now() const { return now_; }

  /// A moment that has passed already means: now, after all that was set for now before.
  void at(TimePoint when, Record record) {
    heap_.push_back({std::max(when, now_), order_++, record});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// Takes out the next record up to and including `end`, and goes to its moment. Empty: there is
  /// none; the clock stands at `end` then.
  std::optional<Record> next(TimePoint end) {
    if (heap_.empty() || heap_.front().at > end) {
      now_ = std::max(now_, end);
      return std::nullopt;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.at;
    return entry.record;
  }

  /// Records set so far.
  std::uint64_t count() const { return order_; }

 private:
  struct Entry {
    TimePoint at;
    std::uint64_t order;
    Record record;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  /// Above zero, so that an uninitialized time point is noticed as one of the past.
  TimePoint now_ = TimePoint(std::chrono::seconds(1000));
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
};

}  // namespace kith::sim::pool
