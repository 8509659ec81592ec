// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/hedging.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

TEST(Hedging, DoesNotGuessBeforeItHasSeenEnough) {
  Hedging hedging;
  for (int i = 0; i < 63; ++i) hedging.answered(100us);
  EXPECT_EQ(hedging.delay(), std::nullopt);
  hedging.answered(100us);
  EXPECT_NE(hedging.delay(), std::nullopt);
}

TEST(Hedging, WaitsForTheSlowestTwentieth) {
  Hedging hedging;
  for (int i = 0; i < 1000; ++i) hedging.answered(i % 100 < 96 ? 100us : 50ms);
  EXPECT_GE(*hedging.delay(), 100us);
  EXPECT_LE(*hedging.delay(), 256us);
  Hedging slow;
  for (int i = 0; i < 1000; ++i) slow.answered(i % 100 < 90 ? 100us : 50ms);
  EXPECT_GE(*slow.delay(), 50ms);
}

TEST(Hedging, FollowsAChange) {
  Hedging hedging;
  for (int i = 0; i < 4096; ++i) hedging.answered(100us);
  for (int i = 0; i < 40'000; ++i) hedging.answered(10ms);
  EXPECT_GE(*hedging.delay(), 10ms);
}

TEST(Hedging, SpendsOneFiftiethOfTheRequests) {
  Hedging hedging;
  int hedges = 0;
  for (int i = 0; i < 10'000; ++i) {
    hedging.request_sent();
    hedges += hedging.spend();
  }
  EXPECT_EQ(hedges, 200);
}

TEST(Hedging, DoesNotSaveUpABurst) {
  Hedging hedging;
  for (int i = 0; i < 1'000'000; ++i) hedging.request_sent();
  int hedges = 0;
  while (hedging.spend()) ++hedges;
  EXPECT_LE(hedges, 10);
}

}  // namespace
}  // namespace kith::fetch
