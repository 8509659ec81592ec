// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/hitrate/policies/lists.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// SIEVE (Zhang et al., NSDI 2024): a FIFO whose hand goes from old to new, round and round, spares
/// once what was used since it last came by, and gives up the first that was not. What is spared
/// stays where it is.
class Sieve final : public Policy {
 public:
  explicit Sieve(const CacheSpec& spec) : capacity_(spec.capacity) {}

  std::string_view name() const override { return "SIEVE"; }
  std::uint64_t used() const override { return lists_.size(kAll); }

  bool access(std::uint64_t key, std::uint32_t size) override {
    if (Object* object = lists_.find(key)) {
      object->uses = 1;
      return true;
    }
    if (size > capacity_) return false;
    while (used() + size > capacity_) evict();
    lists_.add(kAll, key, size);
    return false;
  }

 private:
  static constexpr std::uint8_t kAll = 0;

  Object& from_the_start_if_null(Object* object) const {
    return object != nullptr ? *object : *lists_.oldest(kAll);
  }

  void evict() {
    Object* victim = &from_the_start_if_null(hand_);
    while (victim->uses > 0) {
      victim->uses = 0;
      victim = &from_the_start_if_null(victim->newer);
    }
    hand_ = victim->newer;
    lists_.remove(*victim);
  }

  const std::uint64_t capacity_;
  Lists lists_{1};
  /// Where the search goes on. Null: at the oldest.
  Object* hand_ = nullptr;
};

}  // namespace kith::bench::hitrate
