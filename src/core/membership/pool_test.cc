// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "base/testing/sanitized.h"
#include "core/membership/scaling.h"
#include "core/membership/test_pool.h"

// Whole pools on virtual time. A failure prints the seed of its pool.
namespace kith::membership {
namespace {

using namespace std::chrono_literals;
using Kind = MemberEvent::Kind;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// A pool of `count` that knows itself.
void grow(TestPool& pool, std::size_t count) {
  pool.add_joined(count);
  // What gossip leaves out, which it may, push/pull brings.
  ASSERT_TRUE(pool.run_until([&] { return pool.agreed(); }, 120s));
  pool.run_for(5s);
  ASSERT_TRUE(pool.agreed());
  pool.forget_happenings();
}

class PoolTest : public testing::TestWithParam<std::size_t> {};
// The time goes with the square of the size.
INSTANTIATE_TEST_SUITE_P(Sizes, PoolTest, testing::Values(3, 5, 10, kSanitized ? 20 : 50));

TEST_P(PoolTest, ConvergesAfterJoiningOneSeed) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    pool.add_joined(GetParam());
    // Gossip is bounded, and may miss a few of many that come at once; push/pull does not.
    const std::size_t few = GetParam() * GetParam() / 500;
    EXPECT_TRUE(pool.run_until([&] { return pool.disagreements() <= few; }, 2s));
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 120s));
    pool.run_for(60s);
    EXPECT_TRUE(pool.agreed());
    EXPECT_EQ(pool.joins_failed(), 0u);
    EXPECT_EQ(pool.count(Kind::suspected), 0u);
    EXPECT_EQ(pool.count(Kind::joined), GetParam() * (GetParam() - 1)) << "each sees each once";
  }
}

TEST_P(PoolTest, NodeThatJoinsIsKnownToAllWithinASecond) {
  TestPool pool(1);
  grow(pool, GetParam());
  const std::size_t joiner = pool.add();
  pool.join(joiner, 0);
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 1s));
}

TEST_P(PoolTest, CrashIsDetectedByAllWithinTheBounds) {
  const std::size_t n = GetParam();
  const SuspicionBounds bounds = suspicion_bounds(lan_profile(), n);
  std::vector<double> times;
  for (std::uint64_t seed = 1; seed <= seeds_to_try(10); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    grow(pool, n);
    const TimePoint crashed = pool.now();
    pool.crash(n - 1);
    // A member is probed at the latest at the end of a prober's next round.
    const Duration first_probe = 2 * n * lan_profile().probe_interval;
    ASSERT_TRUE(pool.run_until([&] { return pool.count(Kind::failed) == n - 1; },
                               first_probe + 1s + bounds.max + 1s));
    for (const auto& happening : pool.happenings()) {
      EXPECT_EQ(happening.event.name, "n" + std::to_string(n - 1));
      if (happening.event.kind != Kind::failed) continue;
      EXPECT_GE(happening.at - crashed, bounds.min);
      times.push_back(seconds(happening.at - crashed));
    }
    EXPECT_EQ(pool.count(Kind::left), 0u);
    EXPECT_TRUE(pool.agreed());
  }
  std::ranges::sort(times);
  RecordProperty("median_seconds", std::to_string(times[times.size() / 2]));
  RecordProperty("worst_seconds", std::to_string(times.back()));
  std::printf("n=%zu: dead at a member after median %.1f s, worst %.1f s\n", n,
              times[times.size() / 2], times.back());
}

TEST_P(PoolTest, DeadMemberIsForgottenInTheEnd) {
  TestPool pool(2);
  grow(pool, GetParam());
  pool.crash(1);
  EXPECT_TRUE(pool.run_until([&] { return pool.node(0).members().find("n1") == nullptr; }, 200s));
}

TEST_P(PoolTest, PausedNodeRefutesAndStays) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    grow(pool, GetParam());
    pool.pause(1);
    ASSERT_TRUE(pool.run_until([&] { return pool.count(Kind::suspected) > 0; }, 60s));
    pool.run_for(2s);
    pool.resume(1);
    pool.run_for(10s);
    EXPECT_TRUE(pool.agreed());
    EXPECT_EQ(pool.count(Kind::failed), 0u);
    EXPECT_EQ(pool.count(Kind::suspected), pool.count(Kind::cleared));
    EXPECT_GE(pool.node(1).members().self().incarnation, 2u);
  }
}

TEST_P(PoolTest, PausedNodeBlamesNobody) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    TestPool pool(seed);
    grow(pool, GetParam());
    for (int i = 0; i < 20; ++i) {
      pool.pause(1);
      pool.run_for(2500ms);
      pool.resume(1);
      pool.run_for(5s);
    }
    // It may itself be given up by one whom its refutation missed, but not for long.
    for (const auto& happening : pool.happenings()) EXPECT_EQ(happening.event.name, "n1") << seed;
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 5s)) << seed;
  }
}

TEST_P(PoolTest, LeaveIsSeenAsLeftAndNotAsFailed) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    const std::size_t n = GetParam();
    TestPool pool(seed);
    grow(pool, n);
    pool.leave(1);
    ASSERT_TRUE(pool.run_until([&] { return pool.left() == 1; }, 5s));
    pool.crash(1);
    pool.run_for(20s);
    EXPECT_EQ(pool.count(Kind::left), n - 1);
    EXPECT_EQ(pool.count(Kind::failed), 0u);
    EXPECT_EQ(pool.count(Kind::suspected), 0u);
  }
}

TEST_P(PoolTest, RestartElsewhereIsBackAtOnce) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    grow(pool, GetParam());
    // Its old incarnation is above that of the new process.
    pool.node(1).set_meta("x");
    pool.run_for(3s);
    pool.restart(1, {std::string{10, 9, 9, 9}, 7000});
    pool.join(1, 0);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 3s));
    pool.run_for(40s);
    EXPECT_TRUE(pool.agreed());
    EXPECT_TRUE(pool.conflicts().empty());
    EXPECT_EQ(pool.count(Kind::failed), 0u);
  }
}

TEST_P(PoolTest, RestartElsewhereAfterItsDeathWasSeen) {
  for (const bool leaves : {false, true}) {
    TestPool pool(3);
    grow(pool, GetParam());
    if (leaves) {
      pool.leave(1);
      pool.run_for(2s);
    }
    pool.crash(1);
    pool.run_for(leaves ? 5s : 20s);
    pool.restart(1, {std::string{10, 9, 9, 9}, 7000});
    pool.join(1, 0);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 3s)) << leaves;
    pool.run_for(40s);
    EXPECT_TRUE(pool.agreed());
    EXPECT_TRUE(pool.conflicts().empty());
  }
}

TEST_P(PoolTest, RestartInPlaceIsBackAtOnce) {
  for (const Duration away : {Duration(100ms), Duration(20s)}) {
    TestPool pool(4);
    grow(pool, GetParam());
    pool.crash(1);
    pool.run_for(away);
    pool.restart(1, pool.address(1));
    pool.join(1, 0);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 3s));
    pool.run_for(40s);
    EXPECT_TRUE(pool.agreed());
  }
}

TEST_P(PoolTest, SecondNodeOfANameIsReportedAndTheFirstStays) {
  TestPool pool(5);
  grow(pool, GetParam());
  const std::size_t second = pool.add([](Options& options) { options.name = "n1"; });
  pool.join(second, 0);
  pool.run_for(60s);
  EXPECT_FALSE(pool.conflicts().empty());
  EXPECT_TRUE(std::ranges::any_of(pool.conflicts(), [&](const auto& c) {
    return c.observer == second;
  })) << "it learns itself that the name is taken";
  for (std::size_t i = 0; i < GetParam(); ++i) {
    EXPECT_EQ(pool.node(i).members().find("n1")->address, pool.address(1));
  }
  EXPECT_LT(pool.conflicts().size(), 20 * GetParam()) << "and not without end";
  EXPECT_EQ(pool.node(1).members().self().incarnation, 1u) << "nobody outbids the other";
}

TEST_P(PoolTest, LinkWithoutPacketsIsBridgedByOthers) {
  TestPool pool(6);
  grow(pool, GetParam());
  pool.set_packets_blocked([](std::size_t from, std::size_t to) { return from + to == 1; });
  pool.run_for(120s);
  EXPECT_EQ(pool.count(Kind::suspected), 0u);
}

TEST(PoolLossTest, TenPercentOfPacketsKillNobody) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    grow(pool, 20);
    pool.set_loss(0.1);
    pool.run_for(10min);
    EXPECT_EQ(pool.count(Kind::failed), 0u);
    std::printf("seed %d: %zu suspicions in 200 node-minutes\n", static_cast<int>(seed),
                pool.count(Kind::suspected));
    pool.set_loss(0);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 10s));
  }
}

TEST(PoolLossTest, JoinsAndCrashesAreSeenDespiteLoss) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    SCOPED_TRACE(seed);
    TestPool pool(seed);
    pool.set_loss(0.2);
    pool.add_joined(20);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 35s));
    pool.crash(7);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 60s));
  }
}

TEST(PoolPartitionTest, ShortPartitionHealsAndSuspectsRefute) {
  TestPool pool(8);
  grow(pool, 10);
  pool.set_blocked([](std::size_t a, std::size_t b) { return (a < 5) != (b < 5); });
  pool.run_for(3s);
  EXPECT_GT(pool.count(Kind::suspected), 0u);
  pool.set_blocked({});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 30s));
  EXPECT_EQ(pool.count(Kind::failed), 0u);
}

TEST(PoolPartitionTest, HalvesThatDeclaredEachOtherDeadMergeWhileTheDeadAreTold) {
  TestPool pool(9);
  grow(pool, 10);
  pool.set_blocked([](std::size_t a, std::size_t b) { return (a < 5) != (b < 5); });
  ASSERT_TRUE(pool.run_until([&] { return pool.count(Kind::failed) == 50; }, 60s));
  pool.set_blocked({});
  // What is left of the news of their deaths reaches them, or they join again.
  pool.join(0, 9);
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed(); }, 10s));
}

TEST(PoolPartitionTest, NewsReachesThoseWhoCameLateByPushPull) {
  TestPool pool(10);
  grow(pool, 5);
  // Node 4 hears nothing by packets, while the others learn of a new member.
  pool.set_packets_blocked([](std::size_t, std::size_t to) { return to == 4; });
  const std::size_t late = pool.add();
  pool.join(late, 0);
  EXPECT_TRUE(pool.run_until([&] { return pool.seen(4, late) == State::alive; }, 60s));
}

TEST(PoolDeterminismTest, SameSeedSameTrace) {
  const auto run = [](std::uint64_t seed) {
    TestPool pool(seed);
    pool.add_joined(15);
    pool.run_for(5s);
    pool.set_loss(0.15);
    pool.crash(3);
    pool.pause(4);
    pool.run_for(6s);
    pool.resume(4);
    pool.run_for(30s);
    return std::pair(pool.trace(), pool.packets());
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1).first, run(2).first);
}

TEST(PoolProfileTest, OtherProfilesConvergeAndDetectToo) {
  for (const Profile& profile : {wan_profile(), local_profile()}) {
    TestPool pool(11, profile);
    grow(pool, 10);
    pool.crash(3);
    const SuspicionBounds bounds = suspicion_bounds(profile, 10);
    EXPECT_TRUE(pool.run_until([&] { return pool.count(Kind::failed) == 9; },
                               20 * profile.probe_interval + bounds.max));
    EXPECT_EQ(pool.count(Kind::suspected), 9u);
  }
}

}  // namespace
}  // namespace kith::membership
