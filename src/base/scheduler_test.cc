// SPDX-License-Identifier: Apache-2.0
#include "base/testing/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "base/mutex.h"

namespace kith::schedule {
namespace {

class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kEnabled) GTEST_SKIP() << "a build without schedule points";
  }
};
using SchedulerDeathTest = SchedulerTest;

/// Two threads that add to a number in two steps each.
int add_in_two_steps(Scheduler& scheduler, std::uint64_t seed) {
  int number = 0;
  const auto add = [&number] {
    point("before");
    const int read = number;
    point("between");
    number = read + 1;
    point("after");
  };
  scheduler.run(seed, 6, {add, add});
  return number;
}

TEST_F(SchedulerTest, FindsALostUpdateSoon) {
  Scheduler scheduler;
  std::uint64_t seed = 0;
  while (seed < 100 && add_in_two_steps(scheduler, seed) == 2) ++seed;
  EXPECT_LT(seed, 20u);
}

TEST_F(SchedulerTest, RunsTheSameSeedInTheSameOrder) {
  Scheduler one;
  Scheduler other;
  std::set<std::string> traces;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    add_in_two_steps(one, seed);
    add_in_two_steps(other, seed);
    EXPECT_EQ(one.trace(), other.trace());
    traces.insert(one.trace());
  }
  EXPECT_GE(traces.size(), 8u) << "of the twenty orders there are";
}

TEST_F(SchedulerTest, LetsWhoHasALockGoOn) {
  Scheduler scheduler;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Mutex mutex;
    int inside = 0;
    int most = 0;
    const auto body = [&] {
      for (int i = 0; i < 3; ++i) {
        const MutexLock lock(&mutex);
        most = std::max(most, ++inside);
        point("inside");
        --inside;
      }
    };
    scheduler.run(seed, 40, {body, body, body});
    ASSERT_EQ(most, 1);
  }
}

TEST_F(SchedulerTest, CallsTheLookAtEveryPoint) {
  Scheduler scheduler;
  std::size_t looks = 0;
  scheduler.set_look([&] {
    point("no point: the look is not part of the run");
    ++looks;
  });
  add_in_two_steps(scheduler, 1);
  EXPECT_EQ(looks, 6u);
  EXPECT_EQ(scheduler.points(), 6u);
}

TEST_F(SchedulerTest, HasNoPointsWhileAThreadIsAlone) {
  Scheduler scheduler;
  scheduler.run(1, 1, {[] {
                  const Alone alone;
                  point("nobody sees it");
                }});
  EXPECT_EQ(scheduler.points(), 0u);
}

TEST_F(SchedulerDeathTest, TellsTheSeedOfADeadlock) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto lock_in_two_orders = [] {
    Scheduler scheduler;
    Mutex a;
    Mutex b;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      const auto lock_both = [](Mutex& first, Mutex& second) {
        const MutexLock outer(&first);
        const MutexLock inner(&second);
      };
      scheduler.run(seed, 8, {[&] { lock_both(a, b); }, [&] { lock_both(b, a); }});
    }
  };
  EXPECT_DEATH(lock_in_two_orders(), "waits for a lock(.|\n)*All wait for locks \\(seed [0-9]+\\)");
}

}  // namespace
}  // namespace kith::schedule
