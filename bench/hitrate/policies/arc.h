// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "bench/hitrate/policies/lists.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// ARC (Megiddo and Modha, FAST 2003): an LRU of what was used once and an LRU of what was used
/// more often, each with ghosts; a use of a ghost shifts the target between the two. With objects
/// of size 1 it is Figure 4 of the paper; with others, its comparisons are of sums of sizes.
class Arc final : public Policy {
 public:
  explicit Arc(const CacheSpec& spec) : capacity_(spec.capacity) {}

  std::string_view name() const override { return "ARC"; }
  std::uint64_t used() const override { return size(kOnce) + size(kOften); }

  bool access(std::uint64_t key, std::uint32_t size_of_object) override {
    Object* object = lists_.find(key);
    if (object == nullptr) {
      if (size_of_object > capacity_) return false;
      forget_ghosts(size_of_object);
      make_room(size_of_object, false);
      lists_.add(kOnce, key, size_of_object);
      return false;
    }
    const std::uint8_t was_in = object->list;
    if (was_in == kOnce || was_in == kOften) {
      lists_.move(*object, kOften);
      return true;
    }
    adapt(*object);
    lists_.move(*object, kReturning);
    make_room(object->size, was_in == kOftenGhosts);
    lists_.move(*object, kOften);
    return false;
  }

 private:
  // T1, T2, B1 and B2 of the paper.
  static constexpr std::uint8_t kOnce = 0;
  static constexpr std::uint8_t kOften = 1;
  static constexpr std::uint8_t kOnceGhosts = 2;
  static constexpr std::uint8_t kOftenGhosts = 3;
  /// Holds a ghost that is coming back while room is made for it.
  static constexpr std::uint8_t kReturning = 4;

  std::uint64_t size(std::uint8_t list) const { return lists_.size(list); }

  /// Shifts the target by how much larger the other list of ghosts is.
  void adapt(const Object& ghost) {
    const auto once = static_cast<double>(size(kOnceGhosts));
    const auto often = static_cast<double>(size(kOftenGhosts));
    if (ghost.list == kOnceGhosts) {
      target_ += ghost.size * std::max(often / once, 1.0);
    } else {
      target_ -= ghost.size * std::max(once / often, 1.0);
    }
    target_ = std::clamp(target_, 0.0, static_cast<double>(capacity_));
  }

  /// Keeps T1 and B1 together within the capacity and all four within twice the capacity.
  void forget_ghosts(std::uint32_t coming) {
    while (size(kOnce) + size(kOnceGhosts) + coming > capacity_) {
      lists_.remove(*lists_.oldest(lists_.empty(kOnceGhosts) ? kOnce : kOnceGhosts));
    }
    while (used() + size(kOnceGhosts) + size(kOftenGhosts) + coming > 2 * capacity_ &&
           !lists_.empty(kOftenGhosts)) {
      lists_.remove(*lists_.oldest(kOftenGhosts));
    }
  }

  void make_room(std::uint32_t coming, bool for_often_ghost) {
    while (used() + coming > capacity_) replace(for_often_ghost);
  }

  /// REPLACE of the paper.
  void replace(bool for_often_ghost) {
    const auto once = static_cast<double>(size(kOnce));
    const bool from_once = !lists_.empty(kOnce) && (lists_.empty(kOften) || once > target_ ||
                                                    (for_often_ghost && once == target_));
    if (from_once) {
      lists_.move(*lists_.oldest(kOnce), kOnceGhosts);
    } else {
      lists_.move(*lists_.oldest(kOften), kOftenGhosts);
    }
  }

  const std::uint64_t capacity_;
  /// What T1 should hold: p of the paper.
  double target_ = 0;
  Lists lists_{5};
};

}  // namespace kith::bench::hitrate
