// SPDX-License-Identifier: Apache-2.0
#include "api/memory_shares.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace kith::api {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

MemoryShare fixed(std::uint64_t promised, std::uint64_t used = 0) {
  MemoryShare share;
  share.promised = promised;
  share.used = used;
  return share;
}

MemoryShare elastic(std::uint64_t promised, std::uint64_t used = 0) {
  MemoryShare share = fixed(promised, used);
  share.elastic = true;
  return share;
}

std::uint64_t sum(const std::vector<MemoryShare>& shares) {
  std::uint64_t sum = 0;
  for (const MemoryShare& share : shares) sum += share.budget;
  return sum;
}

/// Caches that use what they are given, and miss it so much, for so many rounds.
void run(std::uint64_t available, std::vector<MemoryShare>& shares, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    divide_memory(available, shares);
    for (MemoryShare& share : shares) {
      if (share.used != 0) share.used = share.budget;
    }
  }
}

TEST(MemoryShares, FixedOnesHaveWhatTheyWerePromised) {
  std::vector<MemoryShare> shares{fixed(10 * kMiB, 10 * kMiB), fixed(30 * kMiB)};
  divide_memory(100 * kMiB, shares);
  EXPECT_EQ(shares[0].budget, 10 * kMiB);
  EXPECT_EQ(shares[1].budget, 30 * kMiB);
}

TEST(MemoryShares, AllGiveInProportionWhenRequestsNeedMemory) {
  std::vector<MemoryShare> shares{fixed(60 * kMiB), elastic(40 * kMiB)};
  shares[1].extra = 7 * kMiB;
  divide_memory(50 * kMiB, shares);
  EXPECT_EQ(shares[0].budget, 30 * kMiB);
  EXPECT_EQ(shares[1].budget, 20 * kMiB);
  EXPECT_EQ(shares[1].extra, 0u);
}

TEST(MemoryShares, NobodyIsLeftWithNothing) {
  std::vector<MemoryShare> shares{fixed(60 * kMiB)};
  divide_memory(0, shares);
  EXPECT_EQ(shares[0].budget, 64u << 10);
}

TEST(MemoryShares, AFullElasticCacheGrowsToAllThatIsLeft) {
  std::vector<MemoryShare> shares{fixed(20 * kMiB, 20 * kMiB), elastic(10 * kMiB, 10 * kMiB)};
  divide_memory(100 * kMiB, shares);
  EXPECT_GT(shares[1].budget, 10 * kMiB);
  EXPECT_LT(shares[1].budget, 15 * kMiB);
  run(100 * kMiB, shares, 30);
  EXPECT_EQ(shares[0].budget, 20 * kMiB);
  EXPECT_EQ(shares[1].budget, 80 * kMiB);
}

TEST(MemoryShares, AnEmptyElasticCacheDoesNotGrow) {
  std::vector<MemoryShare> shares{elastic(10 * kMiB, kMiB)};
  divide_memory(100 * kMiB, shares);
  EXPECT_EQ(shares[0].budget, 10 * kMiB);
}

TEST(MemoryShares, ExtraShrinksFirstWhenRequestsNeedMemory) {
  std::vector<MemoryShare> shares{fixed(20 * kMiB, 1), elastic(10 * kMiB, 10 * kMiB)};
  run(100 * kMiB, shares, 40);
  divide_memory(50 * kMiB, shares);
  EXPECT_EQ(shares[0].budget, 20 * kMiB);
  EXPECT_EQ(shares[1].budget, 30 * kMiB);
}

TEST(MemoryShares, MemoryMovesToWhoMissesItMore) {
  std::vector<MemoryShare> shares{elastic(10 * kMiB, 10 * kMiB), elastic(10 * kMiB, 10 * kMiB)};
  run(100 * kMiB, shares, 40);
  EXPECT_EQ(sum(shares), 100 * kMiB);
  const std::uint64_t before = shares[1].budget;
  shares[0].returns = 10;
  shares[1].returns = 1000;
  run(100 * kMiB, shares, 10);
  EXPECT_GT(shares[1].budget, before + 10 * kMiB);
  EXPECT_EQ(sum(shares), 100 * kMiB);
  // Never below the promise.
  run(100 * kMiB, shares, 200);
  EXPECT_EQ(shares[0].budget, 10 * kMiB);
  EXPECT_EQ(shares[1].budget, 90 * kMiB);
}

TEST(MemoryShares, ChanceMovesNothing) {
  std::vector<MemoryShare> shares{elastic(10 * kMiB, 10 * kMiB), elastic(10 * kMiB, 10 * kMiB)};
  run(100 * kMiB, shares, 40);
  const std::uint64_t before = shares[0].budget;
  shares[0].returns = 1000;
  shares[1].returns = 1200;
  run(100 * kMiB, shares, 20);
  EXPECT_EQ(shares[0].budget, before);
  shares[0].returns = 0;
  shares[1].returns = 9;
  run(100 * kMiB, shares, 20);
  EXPECT_EQ(shares[0].budget, before);
}

TEST(MemoryShares, AnIdleCacheGivesBackAtOnceWhatAnotherMisses) {
  std::vector<MemoryShare> shares{elastic(10 * kMiB, 10 * kMiB), elastic(10 * kMiB, 10 * kMiB)};
  run(100 * kMiB, shares, 40);
  shares[0].used = kMiB;  // Its entries expired.
  shares[1].returns = 100;
  divide_memory(100 * kMiB, shares);
  EXPECT_EQ(shares[0].budget, 10 * kMiB);
  EXPECT_EQ(shares[1].budget, 90 * kMiB);
}

RC_GTEST_PROP(MemoryShares, NeverDividesMoreThanThereIs, ()) {
  std::vector<MemoryShare> shares;
  std::uint64_t promised = 0;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    MemoryShare share;
    share.promised = *rc::gen::inRange<std::uint64_t>(1, 64) * kMiB;
    share.elastic = *rc::gen::arbitrary<bool>();
    promised += share.promised;
    shares.push_back(share);
  }
  const int rounds = *rc::gen::inRange(1, 40);
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t available = *rc::gen::inRange<std::uint64_t>(1, 512) * kMiB;
    for (MemoryShare& share : shares) {
      share.used = *rc::gen::inRange<std::uint64_t>(0, share.budget + 2);
      share.returns = *rc::gen::inRange<std::uint64_t>(0, 2000);
    }
    divide_memory(available, shares);
    const std::uint64_t slack = shares.size() * (64u << 10);
    RC_ASSERT(sum(shares) <= available + slack);
    for (const MemoryShare& share : shares) {
      if (available >= promised) RC_ASSERT(share.budget >= share.promised);
      if (!share.elastic) RC_ASSERT(share.budget <= share.promised);
    }
  }
}

}  // namespace
}  // namespace kith::api
