// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/hold_off.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

Key key(const std::string& text) { return Key::copy_of(KeyView::of(text)); }
const Error kError{ErrorCode::loader_failed, "no", false};

TEST(HoldOff, AnswersTheErrorUntilItsTime) {
  HoldOff held;
  held.remember(key("a"), kError, TimePoint(2s));
  ASSERT_NE(held.find(KeyView::of("a"), TimePoint(1s)), nullptr);
  EXPECT_EQ(*held.find(KeyView::of("a"), TimePoint(1s)), kError);
  EXPECT_EQ(held.find(KeyView::of("b"), TimePoint(1s)), nullptr);
  EXPECT_EQ(held.find(KeyView::of("a"), TimePoint(2s)), nullptr);
}

TEST(HoldOff, ForgetsWhatSucceeded) {
  HoldOff held;
  held.remember(key("a"), kError, TimePoint(2s));
  held.forget(KeyView::of("a"));
  EXPECT_EQ(held.find(KeyView::of("a"), TimePoint(1s)), nullptr);
}

TEST(HoldOff, IsBoundedAndForgetsTheOldest) {
  HoldOff held;
  for (std::size_t i = 0; i <= HoldOff::kCapacity; ++i) {
    held.remember(key(std::to_string(i)), kError, TimePoint(10s));
  }
  EXPECT_EQ(held.find(KeyView::of("0"), TimePoint(1s)), nullptr);
  EXPECT_NE(held.find(KeyView::of("1"), TimePoint(1s)), nullptr);
}

TEST(HoldOff, KeepsARenewedKeyWhenItsFirstRecordIsForgotten) {
  HoldOff held;
  held.remember(key("a"), kError, TimePoint(10s));
  held.remember(key("a"), kError, TimePoint(20s));
  for (std::size_t i = 0; i < HoldOff::kCapacity - 1; ++i) {
    held.remember(key(std::to_string(i)), kError, TimePoint(10s));
  }
  EXPECT_NE(held.find(KeyView::of("a"), TimePoint(15s)), nullptr);
}

}  // namespace
}  // namespace kith::fetch
