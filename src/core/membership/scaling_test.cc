// SPDX-License-Identifier: Apache-2.0
#include "core/membership/scaling.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/membership/awareness.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

TEST(ScalingTest, NewsIsSentOftenerInLargerPools) {
  const Profile lan = lan_profile();
  EXPECT_EQ(retransmit_limit(lan, 1), 4u);
  EXPECT_EQ(retransmit_limit(lan, 9), 4u);
  EXPECT_EQ(retransmit_limit(lan, 10), 8u);
  EXPECT_EQ(retransmit_limit(lan, 99), 8u);
  EXPECT_EQ(retransmit_limit(lan, 100), 12u);
  EXPECT_EQ(retransmit_limit(lan, 999), 12u);
  EXPECT_EQ(retransmit_limit(lan, 1000), 16u);
}

TEST(ScalingTest, EverythingIsExchangedRarerInLargerPools) {
  const Profile lan = lan_profile();
  EXPECT_EQ(push_pull_interval(lan, 32), 30s);
  EXPECT_EQ(push_pull_interval(lan, 33), 60s);
  EXPECT_EQ(push_pull_interval(lan, 64), 60s);
  EXPECT_EQ(push_pull_interval(lan, 65), 90s);
  EXPECT_EQ(push_pull_interval(lan, 128), 90s);
  EXPECT_EQ(push_pull_interval(lan, 1000), 180s);
}

TEST(ScalingTest, SuspectsHaveLongerInLargerPools) {
  const auto min = [](const Profile& profile, std::size_t n) {
    return suspicion_bounds(profile, n).min;
  };
  EXPECT_EQ(min(lan_profile(), 2), 4s);
  EXPECT_EQ(min(lan_profile(), 10), 4s);
  EXPECT_EQ(min(lan_profile(), 32), 6020ms);
  EXPECT_EQ(min(lan_profile(), 33), 6072ms);
  EXPECT_EQ(min(lan_profile(), 100), 8s);
  EXPECT_EQ(min(lan_profile(), 1000), 12s);
  EXPECT_EQ(min(wan_profile(), 10), 30s);
  EXPECT_EQ(min(wan_profile(), 100), 60s);
  EXPECT_EQ(min(local_profile(), 3), 3s);
  EXPECT_EQ(suspicion_bounds(lan_profile(), 100).max, 48s);
}

TEST(ScalingTest, NoConfirmationIsExpectedWhereNobodyCanConfirm) {
  EXPECT_EQ(suspicion_bounds(lan_profile(), 3).confirmations, 0);
  EXPECT_EQ(suspicion_bounds(lan_profile(), 4).confirmations, 2);
  EXPECT_EQ(suspicion_bounds(wan_profile(), 5).confirmations, 0);
  EXPECT_EQ(suspicion_bounds(wan_profile(), 6).confirmations, 4);
  EXPECT_EQ(suspicion_bounds(local_profile(), 3).confirmations, 1);
}

TEST(AwarenessTest, StaysWithinItsBoundsAndStretchesIntervals) {
  Awareness awareness(8);
  EXPECT_EQ(awareness.scale(1s), 1s);
  awareness.apply(-1);
  EXPECT_EQ(awareness.score(), 0);
  awareness.apply(+3);
  EXPECT_EQ(awareness.scale(1s), 4s);
  awareness.apply(+30);
  EXPECT_EQ(awareness.score(), 7);
  EXPECT_EQ(awareness.scale(1s), 8s);
  awareness.apply(-1);
  EXPECT_EQ(awareness.score(), 6);
}

}  // namespace
}  // namespace kith::membership
