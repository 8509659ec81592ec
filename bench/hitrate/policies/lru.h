// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/hitrate/policies/lists.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// Gives up what has not been used for longest.
class Lru final : public Policy {
 public:
  explicit Lru(const CacheSpec& spec) : capacity_(spec.capacity) {}

  std::string_view name() const override { return "LRU"; }
  std::uint64_t used() const override { return lists_.size(kAll); }

  bool access(std::uint64_t key, std::uint32_t size) override {
    if (Object* object = lists_.find(key)) {
      lists_.move(*object, kAll);
      return true;
    }
    if (size > capacity_) return false;
    while (used() + size > capacity_) lists_.remove(*lists_.oldest(kAll));
    lists_.add(kAll, key, size);
    return false;
  }

 private:
  static constexpr std::uint8_t kAll = 0;

  const std::uint64_t capacity_;
  Lists lists_{1};
};

}  // namespace kith::bench::hitrate
