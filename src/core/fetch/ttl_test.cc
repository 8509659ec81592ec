// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/ttl.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

TEST(Jitter, StaysWithinItsShareAndUsesIt) {
  Rng rng(1);
  Duration least = Duration::max();
  Duration most = Duration::zero();
  for (int i = 0; i < 1000; ++i) {
    const Duration ttl = jittered(100s, 0.05, rng);
    least = std::min(least, ttl);
    most = std::max(most, ttl);
  }
  EXPECT_GE(least, 95s);
  EXPECT_LE(most, 105s);
  EXPECT_LT(least, 96s);
  EXPECT_GT(most, 104s);
}

TEST(Jitter, DoesNotOverflowTheLongestTime) {
  Rng rng(1);
  for (int i = 0; i < 100; ++i) EXPECT_GT(jittered(Duration::max(), 0.5, rng), Duration::zero());
}

TEST(After, StopsAtTheEndOfTime) {
  EXPECT_EQ(after(TimePoint(5s), Duration::max()), TimePoint::max());
  EXPECT_EQ(after(TimePoint(5s), 2s), TimePoint(7s));
}

Entry entry(Duration expires, Duration cost) {
  Entry result;
  result.expires = TimePoint(expires);
  result.load_cost = cost;
  return result;
}

TEST(EarlyRefresh, IsNotDueFarFromExpiry) {
  Rng rng(1);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(refresh_due(entry(100s, 10ms), TimePoint(0s), 1.0, rng));
  }
}

TEST(EarlyRefresh, IsDueMoreOftenTheNearerTheExpiry) {
  Rng rng(1);
  const auto share_at = [&](Duration now) {
    int due = 0;
    for (int i = 0; i < 10'000; ++i) due += refresh_due(entry(10s, 1s), TimePoint(now), 1.0, rng);
    return due / 10'000.0;
  };
  // The rule's chance is e^-(time left / load cost).
  EXPECT_NEAR(share_at(9s), 0.368, 0.03);
  EXPECT_NEAR(share_at(7s), 0.050, 0.01);
}

TEST(EarlyRefresh, CanBeSwitchedOffAndLeavesEndlessEntriesAlone) {
  Rng rng(1);
  EXPECT_FALSE(refresh_due(entry(10s, 100s), TimePoint(9s), 0.0, rng));
  Entry endless;
  endless.load_cost = 100s;
  EXPECT_FALSE(refresh_due(endless, TimePoint(9s), 1.0, rng));
}

}  // namespace
}  // namespace kith::fetch
