// SPDX-License-Identifier: Apache-2.0
#include "core/membership/suspicion.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <string>

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{100s};

TEST(SuspicionTest, ConfirmationsShortenTheTimeLogarithmically) {
  Suspicion two("a", {2, 4s, 24s}, kStart);
  EXPECT_EQ(two.deadline(), kStart + 24s);
  EXPECT_TRUE(two.confirm("b", kStart));
  EXPECT_EQ(two.deadline(), kStart + 11'381ms);
  EXPECT_TRUE(two.confirm("c", kStart));
  EXPECT_EQ(two.deadline(), kStart + 4s);

  Suspicion three("a", {3, 4s, 24s}, kStart);
  three.confirm("b", kStart);
  EXPECT_EQ(three.deadline(), kStart + 14s);
  three.confirm("c", kStart);
  EXPECT_EQ(three.deadline(), kStart + 8150ms);
  three.confirm("d", kStart);
  EXPECT_EQ(three.deadline(), kStart + 4s);
}

TEST(SuspicionTest, ThoseKnownAndThoseTooManyAreNoNews) {
  Suspicion suspicion("a", {1, 4s, 24s}, kStart);
  EXPECT_FALSE(suspicion.confirm("a", kStart)) << "the first never confirms itself";
  EXPECT_TRUE(suspicion.confirm("b", kStart));
  EXPECT_FALSE(suspicion.confirm("b", kStart));
  EXPECT_FALSE(suspicion.confirm("c", kStart)) << "there are enough";
}

TEST(SuspicionTest, WithNobodyToConfirmTheTimeIsShortAtOnce) {
  Suspicion suspicion("a", {0, 4s, 24s}, kStart);
  EXPECT_EQ(suspicion.deadline(), kStart + 4s);
  EXPECT_FALSE(suspicion.confirm("b", kStart));
}

TEST(SuspicionTest, LateConfirmationIsDueNowAndNotInThePast) {
  Suspicion suspicion("a", {1, 4s, 24s}, kStart);
  suspicion.confirm("b", kStart + 10s);
  EXPECT_EQ(suspicion.deadline(), kStart + 10s);
}

RC_GTEST_PROP(SuspicionProperty, DeadlinesFallFromMaxToMin, ()) {
  const int needed = *rc::gen::inRange(1, 8);
  const Duration min = std::chrono::milliseconds(*rc::gen::inRange(100, 60'000));
  const Duration max = min * *rc::gen::inRange(1, 10);
  Suspicion suspicion("first", {needed, min, max}, kStart);
  TimePoint last = suspicion.deadline();
  RC_ASSERT(last == kStart + max);
  for (int i = 0; i < needed; ++i) {
    RC_ASSERT(suspicion.confirm(std::to_string(i), kStart));
    RC_ASSERT(suspicion.deadline() <= last);
    RC_ASSERT(suspicion.deadline() >= kStart + min);
    last = suspicion.deadline();
  }
  RC_ASSERT(last - (kStart + min) < 1ms);
}

}  // namespace
}  // namespace kith::membership
