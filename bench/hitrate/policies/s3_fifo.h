// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "bench/hitrate/policies/lists.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// S3-FIFO (Yang et al., SOSP 2023) as its authors give it: a small queue of a tenth, from which
/// what was used at least twice goes on to the main queue, a FIFO with second chances; ghosts of
/// as much as the main queue holds. Not kith's code, so that the two can be told apart.
class S3Fifo final : public Policy {
 public:
  explicit S3Fifo(const CacheSpec& spec)
      : capacity_(spec.capacity),
        small_capacity_(std::max<std::uint64_t>(spec.capacity / 10, 1)),
        main_capacity_(spec.capacity - small_capacity_) {}

  std::string_view name() const override { return "S3-FIFO"; }
  std::uint64_t used() const override { return lists_.size(kSmall) + lists_.size(kMain); }

  bool access(std::uint64_t key, std::uint32_t size) override {
    Object* object = lists_.find(key);
    if (object != nullptr && object->list != kGhost) {
      object->uses = std::min<std::uint8_t>(object->uses + 1, kMaxUses);
      return true;
    }
    if (size > capacity_) return false;
    const bool was_ghost = object != nullptr;
    if (was_ghost) lists_.remove(*object);
    while (used() + size > capacity_) evict();
    lists_.add(was_ghost ? kMain : kSmall, key, size);
    return false;
  }

 private:
  static constexpr std::uint8_t kSmall = 0;
  static constexpr std::uint8_t kMain = 1;
  static constexpr std::uint8_t kGhost = 2;
  static constexpr std::uint8_t kMaxUses = 3;
  static constexpr std::uint8_t kUsesForMain = 2;

  void evict() {
    if (lists_.size(kMain) > main_capacity_ || lists_.empty(kSmall)) {
      evict_from_main();
    } else {
      evict_from_small();
    }
  }

  /// May only move objects to the main queue.
  void evict_from_small() {
    while (Object* object = lists_.oldest(kSmall)) {
      const bool deserving = object->uses >= kUsesForMain;
      object->uses = 0;
      lists_.move(*object, deserving ? kMain : kGhost);
      if (deserving) continue;
      while (lists_.size(kGhost) > main_capacity_) lists_.remove(*lists_.oldest(kGhost));
      return;
    }
  }

  void evict_from_main() {
    Object* object = lists_.oldest(kMain);
    for (; object->uses > 0; object = lists_.oldest(kMain)) {
      --object->uses;
      lists_.move(*object, kMain);
    }
    lists_.remove(*object);
  }

  const std::uint64_t capacity_;
  const std::uint64_t small_capacity_;
  const std::uint64_t main_capacity_;
  Lists lists_{3};
};

}  // namespace kith::bench::hitrate
