// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/limiter.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

/// Runs `count` loads of the same latency, with the limit used up.
void run(Limiter& limiter, int count, Duration latency) {
  for (int i = 0; i < count; ++i) {
    while (limiter.may_start()) limiter.started();
    limiter.finished(latency);
  }
}

TEST(Limiter, AllowsItsCapAndNoMore) {
  Limiter limiter(3);
  int started = 0;
  while (limiter.may_start()) {
    limiter.started();
    ++started;
  }
  EXPECT_EQ(started, 3);
  limiter.abandoned();
  EXPECT_TRUE(limiter.may_start());
}

TEST(Limiter, KeepsTheCapWhileLatencyIsSteady) {
  Limiter limiter(64);
  run(limiter, 500, 10ms);
  EXPECT_EQ(limiter.limit(), 64);
}

TEST(Limiter, ShrinksWhenTheOriginSlowsDown) {
  Limiter limiter(64);
  run(limiter, 500, 10ms);
  run(limiter, 60, 100ms);
  EXPECT_LT(limiter.limit(), 32);
  EXPECT_GE(limiter.limit(), 4);
}

TEST(Limiter, RecoversWhenTheOriginDoes) {
  Limiter limiter(64);
  run(limiter, 500, 10ms);
  run(limiter, 60, 100ms);
  run(limiter, 500, 10ms);
  EXPECT_EQ(limiter.limit(), 64);
}

TEST(Limiter, NeverStopsEverything) {
  Limiter one(1);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(one.may_start());
    one.started();
    one.finished(i < 100 ? 1ms : 10s);
  }
}

}  // namespace
}  // namespace kith::fetch
