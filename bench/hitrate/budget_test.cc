// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/budget.h"

#include <gtest/gtest.h>

namespace kith::bench::hitrate {
namespace {

std::uint64_t entries_after_filling(std::uint64_t budget, std::uint32_t value_bytes) {
  store::Store store({.budget_bytes = budget});
  for (std::uint64_t key = 0; key < 20'000; ++key) {
    store.put(key_view(key), {.value = value_of(value_bytes)}, TimePoint());
  }
  return store.stats().entries;
}

TEST(Budget, SmallCachesHoldExactlyWhatIsWanted) {
  for (const std::uint64_t wanted : {5u, 6u, 20u, 57u, 253u}) {
    const Budget budget = budget_for(wanted);
    EXPECT_EQ(budget.entries, wanted);
    EXPECT_EQ(entries_after_filling(budget.bytes, budget.value_bytes), wanted);
  }
}

TEST(Budget, LargerCachesHoldItWithinAPercent) {
  const Budget budget = budget_for(5'000);
  EXPECT_NEAR(static_cast<double>(entries_after_filling(budget.bytes, budget.value_bytes)), 5'000.0,
              50.0);
}

TEST(Budget, LargeValuesNeedLargeBudgets) {
  const Budget budget = budget_of_values(100, 1u << 20);
  EXPECT_EQ(budget.entries, 100u);
  EXPECT_GE(budget.bytes, 100u << 20);
}

TEST(Budget, TheFewerEntriesTheLargerTheValues) {
  EXPECT_GT(budget_for(5).value_bytes, budget_for(1'000).value_bytes);
}

}  // namespace
}  // namespace kith::bench::hitrate
