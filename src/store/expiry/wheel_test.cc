// SPDX-License-Identifier: Apache-2.0
#include "store/expiry/wheel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace kith::store {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAll = SIZE_MAX;
/// Of the lowest wheel.
constexpr Duration kTick{1 << 27};

TimePoint moment(Duration since_start) { return TimePoint(since_start); }
TimePoint at_tick(std::int64_t tick) { return TimePoint(tick * kTick); }

std::vector<Handle> advance(Wheel& wheel, TimePoint now, std::size_t most = kAll) {
  std::vector<Handle> looked_at;
  wheel.advance(now, most, [&](Handle handle) { looked_at.push_back(handle); });
  return looked_at;
}

/// Uses a wheel as a shard does: whose time is not over is added again.
class Expiry {
 public:
  void add(Handle handle, TimePoint when) {
    wheel.add(handle, when);
    waiting[handle].when = when;
  }
  /// Returns whose time was over.
  std::vector<Handle> advance(TimePoint now) {
    std::vector<Handle> over;
    std::vector<Handle> early;
    wheel.advance(now, kAll, [&](Handle handle) {
      const auto at = waiting.find(handle);
      ASSERT_NE(at, waiting.end()) << "looked at twice";
      if (at->second.when <= now) {
        over.push_back(handle);
        waiting.erase(at);
      } else {
        ++at->second.early_looks;
        early.push_back(handle);
      }
    });
    for (const Handle handle : early) wheel.add(handle, waiting[handle].when);
    return over;
  }

  struct Waiting {
    TimePoint when;
    int early_looks = 0;
  };
  Wheel wheel;
  std::map<Handle, Waiting> waiting;
};

TEST(Wheel, LooksAtNothingBeforeItsTime) {
  Wheel wheel;
  wheel.add(1, moment(1s));
  EXPECT_EQ(advance(wheel, moment(999ms)), std::vector<Handle>());
}

TEST(Wheel, LooksUpToATickLater) {
  Wheel wheel;
  wheel.add(1, moment(1s));
  EXPECT_EQ(advance(wheel, moment(1s) + kTick), std::vector<Handle>{1});
  EXPECT_EQ(advance(wheel, moment(100h)), std::vector<Handle>()) << "once is enough";
}

TEST(Wheel, WhatIsPastIsDueWithinATick) {
  Wheel wheel;
  advance(wheel, moment(100s));
  wheel.add(1, moment(1s));
  wheel.add(2, moment(100s));
  std::vector<Handle> due = advance(wheel, moment(100s) + kTick);
  std::sort(due.begin(), due.end());
  EXPECT_EQ(due, (std::vector<Handle>{1, 2}));
}

TEST(Wheel, LooksAtNoMoreThanItIsAskedTo) {
  Wheel wheel;
  for (Handle handle = 1; handle <= 10; ++handle) wheel.add(handle, moment(1s));
  std::vector<Handle> seen = advance(wheel, moment(2s), 4);
  EXPECT_EQ(seen.size(), 4u);
  EXPECT_EQ(advance(wheel, moment(2s), 0), std::vector<Handle>());
  for (const Handle handle : advance(wheel, moment(2s), 4)) seen.push_back(handle);
  EXPECT_EQ(seen.size(), 8u);
  for (const Handle handle : advance(wheel, moment(2s), 4)) seen.push_back(handle);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<Handle>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(Wheel, WhatWasDueFirstIsLookedAtFirst) {
  Wheel wheel;
  wheel.add(2, moment(1s));
  wheel.add(1, moment(500ms));
  advance(wheel, moment(700ms), 0);
  advance(wheel, moment(2s), 0);
  EXPECT_EQ(advance(wheel, moment(2s)), (std::vector<Handle>{1, 2}));
}

TEST(Wheel, MayBeAddedToWhileItLooks) {
  Wheel wheel;
  wheel.add(1, moment(1s));
  wheel.advance(moment(2s), kAll, [&](Handle handle) { wheel.add(handle, moment(10s)); });
  EXPECT_EQ(advance(wheel, moment(3s)), std::vector<Handle>());
  EXPECT_EQ(advance(wheel, moment(20s)), std::vector<Handle>{1});
}

TEST(Wheel, TimeThatGoesBackChangesNothing) {
  Wheel wheel;
  advance(wheel, moment(10s));
  wheel.add(1, moment(11s));
  EXPECT_EQ(advance(wheel, moment(5s)), std::vector<Handle>());
  EXPECT_EQ(advance(wheel, moment(12s)), std::vector<Handle>{1});
}

TEST(Wheel, ALeapInTimePassesNothing) {
  for (const Duration leap :
       {Duration(1min), Duration(1h), Duration(30h), Duration(1000h), Duration(100'000h)}) {
    Wheel wheel;
    std::vector<Handle> expected;
    for (Handle handle = 1; handle <= 50; ++handle) {
      wheel.add(handle, moment(leap / 60 * handle));
      expected.push_back(handle);
    }
    std::vector<Handle> due = advance(wheel, moment(leap));
    std::sort(due.begin(), due.end());
    EXPECT_EQ(due, expected) << leap.count();
  }
}

TEST(Wheel, WhatIsFarAwayIsSeldomLookedAt) {
  Wheel wheel;
  wheel.add(1, moment(Duration(20h)));
  int looks = 0;
  TimePoint now;
  for (; now < moment(Duration(20h)); now += 1s) {
    wheel.advance(now, kAll, [&](Handle handle) {
      ++looks;
      wheel.add(handle, moment(Duration(20h)));
    });
  }
  EXPECT_LE(looks, 5);
  EXPECT_EQ(advance(wheel, now + kTick).size(), 1u);
}

TEST(Wheel, TheFarFutureIsNotLost) {
  Expiry expiry;
  expiry.add(1, moment(Duration(24h) * 400));
  expiry.add(2, TimePoint::max());
  TimePoint now;
  for (int day = 0; day < 400; ++day) {
    now = moment(day * Duration(24h));
    ASSERT_TRUE(expiry.advance(now).empty()) << day;
  }
  EXPECT_EQ(expiry.advance(moment(Duration(24h) * 400) + kTick), std::vector<Handle>{1});
  EXPECT_GT(expiry.waiting[2].early_looks, 0);
  EXPECT_EQ(expiry.wheel.bytes(), sizeof(Handle) * 3 / 2);
}

TEST(Wheel, CountsWhatItHolds) {
  Wheel wheel;
  EXPECT_EQ(wheel.bytes(), 0u);
  for (Handle handle = 1; handle <= 100; ++handle) wheel.add(handle, moment(handle * Duration(1s)));
  EXPECT_GE(wheel.bytes(), 100 * sizeof(Handle));
  advance(wheel, moment(200s));
  EXPECT_EQ(wheel.bytes(), 0u);
}

TEST(Wheel, ForgetsAllWhenCleared) {
  Wheel wheel;
  for (Handle handle = 1; handle <= 100; ++handle) wheel.add(handle, moment(handle * Duration(1s)));
  advance(wheel, moment(50s), 10);
  wheel.clear();
  EXPECT_EQ(wheel.bytes(), 0u);
  EXPECT_EQ(advance(wheel, moment(1000s)), std::vector<Handle>());
}

// The last tick of a turn of the next wheel: a place that has just been passed.
TEST(Wheel, LooksInTimeAtTheEndOfATurn) {
  for (const std::int64_t ahead : {15, 255, 4095}) {
    Expiry expiry;
    expiry.add(1, at_tick(ahead));
    std::vector<Handle> over;
    for (std::int64_t tick = 0; tick <= ahead + 1; ++tick) over = expiry.advance(at_tick(tick));
    EXPECT_EQ(over, std::vector<Handle>{1}) << ahead;
  }
}

/// Adds at random times, from a random beginning, and calls step(expiry, now) after each advance.
template <class Step>
void live(std::uint64_t seed, int steps, Step&& step) {
  Rng rng(seed);
  Expiry expiry;
  TimePoint now = at_tick(rng.between(0, 10000));
  expiry.advance(now);
  Handle next = 0;
  for (int i = 0; i < steps; ++i) {
    const auto adds = rng.below(3);
    for (std::uint64_t add = 0; add < adds; ++add) {
      const auto range = std::int64_t{1} << rng.between(1, 14);
      expiry.add(++next, now + rng.between(0, range) * (kTick / 2));
    }
    now += rng.between(0, 6) * (kTick / 4);
    expiry.advance(now);
    step(std::as_const(expiry), now);
  }
}

RC_GTEST_PROP(Wheel, LooksAtEachInTime, (std::uint64_t seed)) {
  live(seed, 500, [](const Expiry& expiry, TimePoint now) {
    for (const auto& [handle, waiting] : expiry.waiting) {
      RC_ASSERT(now < waiting.when + kTick);
      RC_ASSERT(waiting.early_looks <= 5);
    }
  });
}

RC_GTEST_PROP(Wheel, LosesNothing, (std::uint64_t seed)) {
  live(seed, 200, [](const Expiry& expiry, TimePoint) {
    RC_ASSERT(expiry.wheel.bytes() == expiry.waiting.size() * sizeof(Handle) * 3 / 2);
  });
}

RC_GTEST_PROP(Wheel, LooksAtEachOnceAfterALeap, (std::uint64_t seed)) {
  Rng rng(seed);
  Wheel wheel;
  TimePoint now = at_tick(rng.between(0, 1 << 20));
  advance(wheel, now);
  std::vector<Handle> expected;
  const TimePoint leap = now + (std::int64_t{1} << rng.between(1, 22)) * kTick;
  for (Handle handle = 1; handle <= 100; ++handle) {
    wheel.add(handle, now + rng.between(0, (leap - now).count()) * Duration(1));
    expected.push_back(handle);
  }
  // Twice the way, and more than a turn of the wheel that has what is farthest.
  std::vector<Handle> seen = advance(wheel, leap + 16 * (leap - now) + 16 * kTick);
  std::sort(seen.begin(), seen.end());
  RC_ASSERT(seen == expected);
}

}  // namespace
}  // namespace kith::store
