// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/testing/sanitized.h"
#include "core/membership/cluster/test_clusters.h"

// Whole pools of kith nodes on virtual time.
namespace kith::membership {
namespace {

using namespace std::chrono_literals;
using Kind = PeerEvent::Kind;

/// A pool of `count` with one view.
void grow(TestClusters& pool, std::size_t count) {
  pool.add_seeded(count);
  ASSERT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 120s));
  pool.run_for(5s);
  ASSERT_TRUE(pool.agreed() && pool.one_view());
  pool.forget();
}

TEST(ClustersTest, LoneNodeOwnsItsCacheAtOnce) {
  TestClusters pool(1);
  pool.add();
  EXPECT_EQ(pool.view(0), "n0");
  EXPECT_EQ(pool.said().size(), 1u);
}

TEST(ClustersTest, OneSeedLeadsToOneView) {
  for (const std::size_t count : {2u, 10u, 50u}) {
    TestClusters pool(count);
    pool.add_seeded(count);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 60s)) << count;
  }
}

TEST(ClustersTest, ViewFollowsWhoVanishes) {
  TestClusters pool(3);
  grow(pool, 10);
  pool.vanish(4);
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 10s));
  EXPECT_EQ(pool.said().size(), 9u);
}

// ---- Finding each other

TEST(ClustersTest, NodesThatStartAtOnceBecomeOnePool) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(3); ++seed) {
    SCOPED_TRACE(seed);
    TestClusters pool(seed);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < 30; ++i) all.push_back(pool.add());
    for (std::size_t i = 0; i < 30; ++i) pool.seed(i, all);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 10s));
  }
}

TEST(ClustersTest, IslandsMergeThroughSeeds) {
  TestClusters pool(1);
  for (std::size_t i = 0; i < 20; ++i) pool.add();
  // Two islands: everybody knows the first of his own at the start.
  for (std::size_t i = 0; i < 20; ++i) {
    pool.seed(i, std::vector<std::size_t>{i % 2});
  }
  pool.run_for(10s);
  EXPECT_FALSE(pool.agreed());
  // Discovery of a single node finds one of the others.
  pool.seed(4, std::vector<std::size_t>{0, 7});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 15s));
}

TEST(ClustersTest, SeedThatStartsLateIsFound) {
  TestClusters pool(1);
  pool.add();
  pool.seed(0, std::vector<Address>{{std::string{10, 1, 0, 2}, 7946}});
  pool.run_for(20s);
  pool.add();  // It has that address.
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 15s));
}

TEST(ClustersTest, SeedsThatAreGoneHarmNobody) {
  TestClusters pool(1);
  grow(pool, 5);
  std::vector<Address> seeds;
  for (int i = 0; i < 100; ++i) seeds.push_back({std::string{10, 9, 9, static_cast<char>(i)}, 1});
  pool.seed(3, seeds);
  pool.seed(2, std::vector<Address>{});
  const std::size_t before = pool.streams();
  pool.run_for(60s);
  EXPECT_TRUE(pool.agreed() && pool.one_view());
  EXPECT_LT(pool.streams() - before, 40u);
  EXPECT_EQ(pool.said().size(), 0u);
}

TEST(ClustersTest, OwnAddressAmongTheSeedsIsRecognised) {
  TestClusters pool(1);
  // Traffic to 10.9.9.9 comes back to the node.
  const Address balancer{std::string{10, 9, 9, 9}, 7946};
  pool.add();
  pool.alias(balancer, 0);
  pool.seed(0, std::vector<Address>{balancer, pool.address(0)});
  pool.run_for(10s);
  EXPECT_EQ(pool.streams(), 1u);
  EXPECT_EQ(pool.count(Kind::joined), 0u);
}

TEST(ClustersTest, ForeignClusterIsRefusedAndWarnedOfOnce) {
  TestClusters pool(1);
  grow(pool, 3);
  const std::size_t stranger =
      pool.add([](ClusterOptions& options) { options.cluster = "another"; });
  pool.seed(stranger, std::vector<std::size_t>{0, 1});
  pool.run_for(30s);
  EXPECT_EQ(pool.view(0), "n0 n1 n2");
  EXPECT_EQ(pool.view(stranger), "n3");
  EXPECT_EQ(pool.count(Kind::joined), 0u);
  EXPECT_GE(pool.count(Warning::Kind::foreign_cluster), 1u);
  EXPECT_LE(pool.count(Warning::Kind::foreign_cluster), 4u);
}

// ---- Partitions

/// Splits the pool in halves for `span`, then sees how long it takes to heal.
double heal_seconds(std::uint64_t seed, std::size_t count, Duration span) {
  TestClusters pool(seed);
  grow(pool, count);
  pool.set_blocked(
      [&](std::size_t a, std::size_t b) { return (a < count / 2) != (b < count / 2); });
  pool.run_for(span);
  EXPECT_EQ(pool.membership_size(0), count / 2);
  pool.set_blocked({});
  const TimePoint healed = pool.now();
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 30s)) << seed;
  return std::chrono::duration<double>(pool.now() - healed).count();
}

TEST(ClustersTest, LongPartitionHeals) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    for (const std::size_t count : {4u, 20u, 60u}) {
      const double seconds = heal_seconds(seed, count, 120s);
      std::printf("n=%zu: one view %.1f s after the network healed\n", count, seconds);
    }
  }
}

TEST(ClustersTest, PartitionShorterThanTheMemoryOfTheDeadHeals) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) heal_seconds(seed, 20, 25s);
}

TEST(ClustersTest, PartitionOfHoursHeals) { heal_seconds(1, 4, 2h); }

// ---- Failures

/// All others of `host` report that its process closed their connections.
void report_gone(TestClusters& pool, std::size_t host, std::size_t observers) {
  std::size_t told = 0;
  for (std::size_t i = 0; i < pool.size() && told < observers; ++i) {
    if (i == host || !pool.up(i)) continue;
    ++told;
    pool.give(i, [&](Cluster& node, ClusterActions& out) {
      node.on_process_gone(pool.name(host), pool.boot(host), pool.now(), out);
    });
  }
}

TEST(ClustersTest, ProcessThatIsGoneIsUnreachableAndSoonDead) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
    for (const std::size_t count : {3u, 10u, 100u}) {
      SCOPED_TRACE(count);
      TestClusters pool(seed);
      grow(pool, count);
      const TimePoint killed = pool.now();
      pool.kill(1);
      pool.run_for(20ms);  // Dialing again takes a moment.
      report_gone(pool, 1, 2);
      EXPECT_TRUE(pool.run_until([&] { return pool.count(Kind::unreachable, "n1") == count - 1; },
                                 killed + 150ms - pool.now()));
      EXPECT_TRUE(pool.run_until([&] { return pool.count(Kind::failed, "n1") == count - 1; },
                                 killed + 1300ms - pool.now()));
      pool.run_for(2s);
      EXPECT_TRUE(pool.one_view());
      EXPECT_EQ(pool.said().size(), count - 1);
    }
  }
}

TEST(ClustersTest, OneObserverOfAGoneProcessIsNotEnough) {
  TestClusters pool(1);
  grow(pool, 10);
  report_gone(pool, 4, 1);
  pool.run_for(30s);
  EXPECT_EQ(pool.count(Kind::unreachable), 0u);
  EXPECT_EQ(pool.count(Kind::suspected), 0u);
}

TEST(ClustersTest, LivingNodeReportedGoneRefutes) {
  TestClusters pool(1);
  grow(pool, 10);
  report_gone(pool, 4, 5);
  pool.run_for(30s);
  EXPECT_EQ(pool.count(Kind::failed), 0u);
  EXPECT_EQ(pool.count(Kind::unreachable), pool.count(Kind::reachable));
  EXPECT_EQ(pool.count(Kind::suspected), pool.count(Kind::cleared));
  EXPECT_TRUE(pool.agreed());
  EXPECT_EQ(pool.said().size(), 0u);
}

TEST(ClustersTest, ReportOfAnEarlierBootIsIgnored) {
  TestClusters pool(1);
  grow(pool, 5);
  for (std::size_t i = 0; i < 4; ++i) {
    pool.give(i, [&](Cluster& node, ClusterActions& out) {
      node.on_process_gone("n4", BootId{1}, pool.now(), out);
    });
  }
  pool.run_for(5s);
  EXPECT_EQ(pool.happenings().size(), 0u);
}

TEST(ClustersTest, ProcessThatComesBackAtOnceIsReachable) {
  TestClusters pool(1);
  grow(pool, 10);
  pool.kill(4);
  report_gone(pool, 4, 3);
  pool.run_for(300ms);
  EXPECT_EQ(pool.count(Kind::unreachable, "n4"), 9u);
  pool.restart(4, pool.address(4));
  pool.seed(4, std::vector<std::size_t>{0, 1, 2});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 3s));
  EXPECT_EQ(pool.count(Kind::failed), 0u);
  EXPECT_EQ(pool.count(Kind::reachable, "n4"), 9u);
}

TEST(ClustersTest, VanishedNodeIsUnreachableThroughWitnesses) {
  for (const std::size_t count : {5u, 10u, kSanitized ? 30u : 100u}) {
    std::vector<double> times;
    for (std::uint64_t seed = 1; seed <= seeds_to_try(5); ++seed) {
      TestClusters pool(seed);
      grow(pool, count);
      const TimePoint gone = pool.now();
      pool.vanish(1);
      EXPECT_TRUE(pool.run_until([&] { return pool.count(Kind::failed) == count - 1; }, 15s));
      EXPECT_EQ(pool.count(Kind::unreachable), count - 1) << count << " " << seed;
      for (const auto& one : pool.happenings()) {
        if (one.event.kind != Kind::unreachable) continue;
        times.push_back(std::chrono::duration<double>(one.at - gone).count());
      }
      EXPECT_LT(std::chrono::duration<double>(pool.now() - gone).count(), 9);
    }
    std::ranges::sort(times);
    std::printf("n=%zu: unreachable after median %.2f s, worst %.2f s\n", count,
                times[times.size() / 2], times.back());
    EXPECT_LT(times.back(), 3.6);
  }
}

TEST(ClustersTest, LossAloneMakesNobodyUnreachable) {
  TestClusters pool(1);
  grow(pool, 30);
  pool.set_loss(0.05);
  pool.run_for(600s);
  EXPECT_EQ(pool.count(Kind::unreachable), 0u);
  EXPECT_EQ(pool.count(Kind::failed), 0u);
  EXPECT_EQ(pool.said().size(), 0u);
}

TEST(ClustersTest, NodeThatStallsBlamesNobody) {
  TestClusters pool(1);
  grow(pool, 10);
  for (int i = 0; i < 20; ++i) {
    pool.pause(1);
    pool.run_for(700ms);
    pool.resume(1);
    pool.run_for(700ms);
  }
  for (const auto& one : pool.happenings()) EXPECT_EQ(one.event.name, "n1");
  EXPECT_EQ(pool.count(Kind::failed), 0u);
}

TEST(ClustersTest, RackThatDiesIsOneNewView) {
  for (std::uint64_t seed = 1; seed <= seeds_to_try(3); ++seed) {
    SCOPED_TRACE(seed);
    TestClusters pool(seed);
    constexpr std::size_t kNodes = kSanitized ? 60 : 200;
    constexpr std::size_t kDie = kNodes / 10;
    grow(pool, kNodes);
    for (std::size_t i = kDie; i < 2 * kDie; ++i) pool.vanish(i);
    EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 20s));
    pool.run_for(8s);
    EXPECT_EQ(pool.said().size(), kNodes - kDie) << "each tells it once";
  }
}

// ---- Names and addresses

TEST(ClustersTest, RestartElsewhereAndSwappedAddresses) {
  TestClusters pool(1);
  grow(pool, 10);
  const Address free{std::string{10, 5, 0, 1}, 7946};
  pool.restart(3, free);
  pool.seed(3, std::vector<std::size_t>{0, 1, 2});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 5s));
  const Address four = pool.address(4);
  const Address five = pool.address(5);
  pool.kill(4);
  pool.kill(5);
  pool.restart(4, five);
  pool.restart(5, four);
  pool.seed(4, std::vector<std::size_t>{0, 1, 2});
  pool.seed(5, std::vector<std::size_t>{0, 1, 2});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 5s));
  EXPECT_EQ(pool.count(Warning::Kind::name_conflict), 0u);
}

// ---- Who owns keys

TEST(ClustersTest, PlainMemberOwnsNothing) {
  TestClusters pool(1);
  grow(pool, 3);
  const std::size_t plain = pool.add_plain();
  pool.seed(plain, std::vector<std::size_t>{0});
  pool.run_for(20s);
  EXPECT_TRUE(pool.agreed());
  EXPECT_EQ(pool.count(Kind::joined, "p3"), 3u);
  EXPECT_FALSE(pool.happenings()[0].event.node);
  EXPECT_EQ(pool.said().size(), 0u);
  // It judges with the others, and is judged.
  pool.vanish(1);
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 15s));
  pool.vanish(plain);
  EXPECT_TRUE(pool.run_until([&] { return pool.count(Kind::failed, "p3") == 2; }, 40s));
}

TEST(ClustersTest, CacheIsOwnedByTheReadyNodesThatOpenedIt) {
  TestClusters pool(1);
  grow(pool, 4);
  const CacheId other{99};
  for (const std::size_t host : {1u, 2u}) {
    pool.give(host, [&](Cluster& node, ClusterActions& out) {
      ASSERT_TRUE(node.open_cache(other, pool.now(), out));
    });
  }
  pool.run_for(2s);
  for (const auto& said : pool.said()) EXPECT_EQ(said.participants.cache, other);
  EXPECT_EQ(pool.names(2, other), "n1 n2");
  EXPECT_EQ(pool.names(3, other), "n1 n2") << "a query, though it has not opened it";
  pool.forget();
  pool.give(1, [&](Cluster& node, ClusterActions& out) {
    node.set_phase(Phase::draining, pool.now(), out);
  });
  pool.run_for(2s);
  EXPECT_EQ(pool.names(2, other), "n2");
  EXPECT_EQ(pool.view(0), "n0 n2 n3");
  pool.give(2,
            [&](Cluster& node, ClusterActions& out) { node.close_cache(other, pool.now(), out); });
  pool.run_for(2s);
  EXPECT_EQ(pool.names(0, other), "");
}

TEST(ClustersTest, WeightAndZoneTravel) {
  TestClusters pool(1);
  pool.add();
  pool.add([](ClusterOptions& options) {
    options.weight = 5;
    options.zone = "b";
  });
  pool.seed(1, std::vector<std::size_t>{0});
  ASSERT_TRUE(pool.run_until([&] { return pool.one_view(); }, 10s));
  const auto owners = pool.node(0).participants(kCache);
  EXPECT_EQ(owners[1], (placement::Member{"n1", 5, "b"}));
}

TEST(ClustersTest, LeavingNodeOwnsNothingAtOnce) {
  TestClusters pool(1);
  grow(pool, 5);
  pool.give(2, [&](Cluster& node, ClusterActions& out) { node.leave(pool.now(), 5s, out); });
  EXPECT_TRUE(pool.run_until([&] { return pool.view(0) == "n0 n1 n3 n4"; }, 1s));
  EXPECT_EQ(pool.count(Kind::failed), 0u);
}

void open_many(TestClusters& pool, std::size_t host, std::uint64_t from, std::uint64_t to) {
  pool.give(host, [&](Cluster& node, ClusterActions& out) {
    for (std::uint64_t id = from; id < to; ++id) {
      ASSERT_TRUE(node.open_cache(CacheId{id}, pool.now(), out));
    }
  });
}

TEST(ClustersTest, ManyCachesTravelApart) {
  TestClusters pool(1);
  grow(pool, 5);
  for (const std::size_t host : {0u, 1u, 2u}) open_many(pool, host, 1000, 1500);
  open_many(pool, 3, 1400, 1401);
  const auto known = [&](std::size_t host, std::uint64_t id) {
    return pool.names(host, CacheId{id});
  };
  EXPECT_TRUE(pool.run_until(
      [&] { return known(4, 1450) == "n0 n1 n2" && known(3, 1400) == "n0 n1 n2 n3"; }, 5s));
  EXPECT_TRUE(pool.one_view());
  // One that joins later hears of them, too.
  const std::size_t late = pool.add();
  pool.seed(late, std::vector<std::size_t>{4});
  EXPECT_TRUE(pool.run_until([&] { return known(late, 1001) == "n0 n1 n2"; }, 5s));
  // One cache more changes nothing else.
  pool.run_for(5s);
  pool.forget();
  open_many(pool, 1, 2000, 2001);
  EXPECT_TRUE(pool.run_until([&] { return known(4, 2000) == "n1"; }, 3s));
  for (const auto& said : pool.said()) EXPECT_EQ(said.participants.cache, CacheId{2000});
}

TEST(ClustersTest, MostCachesThatANodeMayOpen) {
  TestClusters pool(1);
  grow(pool, 20);
  open_many(pool, 1, 10'000, 10'000 + kMaxCaches - 1);
  EXPECT_TRUE(pool.run_until(
      [&] {
        for (std::size_t i = 0; i < 20; ++i) {
          if (pool.names(i, CacheId{10'000 + kMaxCaches - 2}) != "n1") return false;
        }
        return true;
      },
      30s));
  pool.give(1, [&](Cluster& node, ClusterActions& out) {
    EXPECT_EQ(node.open_cache(CacheId{1}, pool.now(), out).error().code,
              ErrorCode::resource_exhausted);
  });
  EXPECT_LE(pool.largest_packet(), 1400u);
}

TEST(ClustersTest, MemberThatFlapsOwnsNothingForAWhile) {
  TestClusters pool(1);
  grow(pool, 10);
  for (int i = 0; i < 3; ++i) {
    pool.kill(3);
    report_gone(pool, 3, 9);
    ASSERT_TRUE(pool.run_until([&] { return pool.count(Kind::failed, "n3") == 9; }, 3s));
    pool.forget();
    pool.restart(3, pool.address(3));
    pool.seed(3, std::vector<std::size_t>{0, 1, 2});
    ASSERT_TRUE(pool.run_until([&] { return pool.agreed(); }, 5s));
  }
  EXPECT_TRUE(pool.run_until([&] { return pool.count(Warning::Kind::member_flaps) == 10; }, 40s));
  const std::string without = "n0 n1 n2 n4 n5 n6 n7 n8 n9";
  pool.run_for(2s);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(pool.view(i), without) << i;
  // Who joins meanwhile agrees.
  const std::size_t late = pool.add();
  pool.seed(late, std::vector<std::size_t>{0});
  pool.run_for(5s);
  EXPECT_EQ(pool.names(late, kCache), pool.names(0, kCache));
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 150s));
}

// ---- Packets

TEST(ClustersTest, PoolStaysCorrectOverStreamsWhenPacketsAreBlocked) {
  TestClusters pool(1);
  grow(pool, 6);
  pool.set_packets_blocked([](std::size_t, std::size_t) { return true; });
  pool.run_for(30s);
  EXPECT_EQ(pool.count(Kind::failed), 0u);
  for (std::size_t i = 0; i < 6; ++i) {
    std::size_t all = 0;
    std::size_t single = 0;
    for (const auto& one : pool.warnings()) {
      if (one.observer != i) continue;
      if (one.warning.kind == Warning::Kind::all_packets_blocked) ++all;
      if (one.warning.kind == Warning::Kind::packets_blocked) ++single;
    }
    EXPECT_EQ(all, 1u);
    EXPECT_LE(single, 3u);
  }
  open_many(pool, 1, 55, 56);
  EXPECT_TRUE(pool.run_until([&] { return pool.names(4, CacheId{55}) == "n1"; }, 10s));
  const std::size_t late = pool.add();
  pool.seed(late, std::vector<std::size_t>{0});
  EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 10s));
  pool.kill(2);
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 30s));
}

TEST(ClustersTest, OneBlockedPairIsWarnedOfOnce) {
  TestClusters pool(1);
  grow(pool, 8);
  pool.set_packets_blocked([](std::size_t a, std::size_t b) { return a == 1 && b == 2; });
  pool.run_for(300s);
  EXPECT_EQ(pool.count(Kind::failed), 0u);
  EXPECT_EQ(pool.count(Warning::Kind::all_packets_blocked), 0u);
  EXPECT_LE(pool.count(Warning::Kind::packets_blocked), 2u);
  EXPECT_EQ(pool.said().size(), 0u);
}

}  // namespace
}  // namespace kith::membership
