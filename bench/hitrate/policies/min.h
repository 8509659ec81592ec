// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// For each request the number of the next one for the same key; kNever: there is none.
inline constexpr std::uint32_t kNever = UINT32_MAX;
std::vector<std::uint32_t> next_uses(const Trace& trace);

/// Belady's optimum (IBM Systems Journal 1966), which knows the future: gives up what is used again
/// last, be it the newcomer itself, and never keeps what is not used again. No policy has more hits
/// if all objects have the size 1.
///
/// With other sizes it is a good heuristic, not the optimum, which would be a hard problem: what is
/// used again last goes first until the newcomer fits, and the newcomer stays out when that would
/// cost something used sooner than it.
class Min final : public Policy {
 public:
  explicit Min(const CacheSpec& spec)
      : bound_(spec.bound), capacity_(spec.capacity), next_uses_(next_uses(spec.trace)) {}

  std::string_view name() const override {
    return bound_ == Bound::objects ? "MIN" : "MIN (greedy)";
  }
  std::uint64_t used() const override { return used_; }

  /// Must be called with the requests of the trace in their order.
  bool access(std::uint64_t, std::uint32_t size) override {
    const std::uint32_t now = request_++;
    const bool hit = !held_.empty() && held_.begin()->first == now;
    if (hit) drop(held_.begin());
    const std::uint32_t next = next_uses_[now];
    if (next != kNever && make_room(size, next)) {
      held_.emplace(next, size);
      used_ += size;
    }
    return hit;
  }

 private:
  /// The objects held by their next use, which no two have in common, with their sizes.
  using Held = std::map<std::uint32_t, std::uint32_t>;

  /// False: it would cost something used before `next`; then nothing is given up.
  bool make_room(std::uint32_t size, std::uint32_t next) {
    if (size > capacity_) return false;
    std::uint64_t left = used_;
    auto first = held_.end();
    while (left + size > capacity_) {
      if (first == held_.begin()) return false;
      --first;
      if (first->first < next) return false;
      left -= first->second;
    }
    while (first != held_.end()) first = drop(first);
    return true;
  }
  Held::iterator drop(Held::iterator object) {
    used_ -= object->second;
    return held_.erase(object);
  }

  const Bound bound_;
  const std::uint64_t capacity_;
  const std::vector<std::uint32_t> next_uses_;
  std::uint32_t request_ = 0;
  std::uint64_t used_ = 0;
  Held held_;
};

}  // namespace kith::bench::hitrate
