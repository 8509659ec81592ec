// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/pool.h"

#include <gtest/gtest.h>

#include <chrono>

#include "sim/pool/checkers/dead_everywhere.h"
#include "sim/pool/checkers/nobody_dies_wrongly.h"
#include "sim/pool/checkers/one_view.h"
#include "sim/pool/checkers/only_the_subject_raises.h"
#include "sim/pool/checkers/traffic_bound.h"
#include "sim/pool/scenario.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;
using State = Beliefs::State;

constexpr TimePoint kStart{1000s};

// ---- Checkers: a history that breaks each

Report report(Told::Kind kind, std::uint32_t incarnation = 1, std::uint32_t highest = 1) {
  return {kStart, 0, 1, kind, incarnation, highest};
}

TEST(PoolCheckersTest, NobodyDiesWronglyFindsTheDeathOfTheLiving) {
  NobodyDiesWrongly checker([](HostIndex host) { return host == 1; });
  checker.on_report(report(Told::Kind::suspected));
  EXPECT_EQ(checker.count(), 0u);
  checker.on_report(report(Told::Kind::failed));
  EXPECT_EQ(checker.count(), 1u);

  NobodyDiesWrongly of_the_dead([](HostIndex) { return false; });
  of_the_dead.on_report(report(Told::Kind::failed));
  EXPECT_EQ(of_the_dead.count(), 0u);

  NobodyDiesWrongly excusing([](HostIndex) { return true; },
                             [](HostIndex, HostIndex subject) { return subject == 1; });
  excusing.on_report(report(Told::Kind::failed));
  EXPECT_EQ(excusing.count(), 0u);
}

TEST(PoolCheckersTest, OnlyTheSubjectRaisesFindsAnIncarnationThatNeverWas) {
  OnlyTheSubjectRaises checker;
  checker.on_report(report(Told::Kind::joined, 3, 3));
  EXPECT_EQ(checker.count(), 0u);
  checker.on_report(report(Told::Kind::joined, 4, 3));
  ASSERT_EQ(checker.findings().size(), 1u);
}

TEST(PoolCheckersTest, OneViewFindsWrongBeliefsWhenTheTimeIsOver) {
  std::size_t wrong = 2;
  OneView checker([&] { return wrong; });
  checker.demand(kStart);
  EXPECT_EQ(checker.count(), 1u);
  wrong = 0;
  checker.demand(kStart);
  EXPECT_EQ(checker.count(), 1u);
}

TEST(PoolCheckersTest, DeadEverywhereFindsWhoIsBelievedInForTooLong) {
  std::size_t believers = 3;
  DeadEverywhere checker(10s, [&](HostIndex) { return believers; });
  checker.on_fate(4, Fate::vanished, kStart);
  checker.on_fate(5, Fate::killed, kStart);
  checker.on_fate(5, Fate::started, kStart + 1s);
  checker.demand(kStart + 10s);
  EXPECT_EQ(checker.count(), 0u);
  checker.demand(kStart + 11s);
  EXPECT_EQ(checker.count(), 1u) << "the other was started again";

  believers = 0;
  checker.on_fate(4, Fate::vanished, kStart + 20s);
  checker.demand(kStart + 60s);
  EXPECT_EQ(checker.count(), 1u);
}

TEST(PoolCheckersTest, TrafficBoundFindsTooManyBytes) {
  TrafficBound checker(100);
  EXPECT_DOUBLE_EQ(checker.demand({10, 1500, 1, 500}, 2, 10s, kStart), 100);
  EXPECT_EQ(checker.count(), 0u);
  checker.demand({10, 1501, 1, 500}, 2, 10s, kStart);
  EXPECT_EQ(checker.count(), 1u);
}

// ---- Beliefs

TEST(BeliefsTest, CountWhoIsWrongAndWhoBelieves) {
  Beliefs beliefs;
  for (int i = 0; i < 3; ++i) beliefs.add();
  beliefs.started(0, 0);
  EXPECT_TRUE(beliefs.agree()) << "nobody else is there";
  beliefs.started(1, 0);
  EXPECT_EQ(beliefs.wrong(), 2u) << "neither knows the other";
  beliefs.told(0, 1, Told::Kind::joined, 0);
  beliefs.told(1, 0, Told::Kind::joined, 0);
  EXPECT_TRUE(beliefs.agree());
  EXPECT_EQ(beliefs.believers(1), 1u);
  EXPECT_EQ(beliefs.avoiders(1), 0u);

  beliefs.told(0, 1, Told::Kind::unreachable, 0);
  EXPECT_TRUE(beliefs.agree()) << "it is a member still";
  EXPECT_EQ(beliefs.avoiders(1), 1u);
  beliefs.gone(1);
  EXPECT_EQ(beliefs.wrong(), 1u);
  beliefs.told(0, 1, Told::Kind::failed, 0);
  EXPECT_TRUE(beliefs.agree());

  beliefs.started(1, 1);
  beliefs.told(1, 0, Told::Kind::joined, 0);
  beliefs.told(0, 1, Told::Kind::joined, 0);
  EXPECT_EQ(beliefs.wrong(), 1u) << "it is at another place";
  beliefs.told(0, 1, Told::Kind::updated, 1);
  EXPECT_TRUE(beliefs.agree());
}

// ---- The network

TEST(PoolNetworkTest, EachLinkHasALatencyOfItsOwn) {
  Network network(1);
  const auto there = network.packet(0, 1);
  EXPECT_GE(*there, Network::kLowest);
  EXPECT_LE(*there, Network::kHighest);
  EXPECT_EQ(there, network.packet(0, 1));
  EXPECT_NE(there, network.packet(0, 2));
}

TEST(PoolNetworkTest, FaultsHitWhatTheySayUntilTheyEnd) {
  Network network(1);
  const auto first = [](HostIndex from, HostIndex to) { return from == 0 && to == 1; };
  const auto packets = network.add({first, true, false});
  EXPECT_FALSE(network.packet(0, 1));
  EXPECT_TRUE(network.packet(1, 0));
  EXPECT_TRUE(network.connect(0, 1));
  network.remove(packets);
  EXPECT_TRUE(network.packet(0, 1));
  network.add({first, false, true});
  EXPECT_TRUE(network.packet(0, 1));
  EXPECT_FALSE(network.connect(0, 1));
  EXPECT_FALSE(network.connect(1, 0)) << "the answer does not come back";
}

TEST(PoolNetworkTest, LossIsAsOftenAsItIsSet) {
  Network network(1);
  network.set_loss(0.2);
  int lost = 0;
  for (int i = 0; i < 10'000; ++i) lost += !network.packet(0, 1);
  EXPECT_NEAR(lost, 2000, 200);
}

TEST(PoolNetworkTest, LargeTransfersTakeRoundTripsAndLossTakesTime) {
  Network network(1);
  const Duration small = *network.transfer(0, 1, 100);
  EXPECT_GT(*network.transfer(0, 1, 1'000'000), 4 * small);
  network.set_loss(0.5);
  Duration longest{};
  for (int i = 0; i < 20; ++i) {
    longest = std::max(longest, network.transfer(0, 1, 100).value_or(Duration::zero()));
  }
  EXPECT_GE(longest, 200ms);
}

// ---- The pool

class PoolTest : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Variants, PoolTest, testing::Values(Variant::kith, Variant::memberlist),
                         [](const auto& variant) {
                           return variant.param == Variant::kith ? "kith" : "memberlist";
                         });

TEST_P(PoolTest, KnownPoolAgreesAndStaysSo) {
  Pool pool({GetParam(), 1});
  pool.start_known(20);
  EXPECT_TRUE(pool.beliefs().agree());
  pool.run_for(60s);
  EXPECT_TRUE(pool.beliefs().agree());
}

TEST_P(PoolTest, NodesThatJoinBecomeOnePool) {
  Pool pool({GetParam(), 2});
  const HostIndex seed[] = {pool.add()};
  pool.start(seed[0]);
  for (int i = 0; i < 9; ++i) pool.start(pool.add(), seed);
  EXPECT_TRUE(pool.run_until([&] { return pool.beliefs().agree(); }, 40s));
  EXPECT_EQ(pool.beliefs().present(), 10u);
}

TEST_P(PoolTest, WhoLeavesIsNoFailure) {
  Pool pool({GetParam(), 3});
  pool.start_known(10);
  NobodyDiesWrongly nobody([](HostIndex) { return true; });
  pool.watch(nobody);
  pool.leave(4);
  EXPECT_TRUE(pool.run_until([&] { return pool.beliefs().agree() && !pool.up(4); }, 10s));
  pool.run_for(20s);
  EXPECT_EQ(nobody.count(), 0u);
  EXPECT_EQ(pool.beliefs().of(0, 4), State::left);
}

TEST_P(PoolTest, WhatArrivesForAPausedProcessWaits) {
  Pool pool({GetParam(), 4});
  pool.start_known(5);
  pool.run_for(5s);
  const auto sent = [&] { return pool.traffic(2).packets; };
  pool.pause(2);
  const auto before = sent();
  pool.run_for(2s);
  EXPECT_EQ(sent(), before);
  pool.resume(2);
  EXPECT_GT(sent(), before) << "it answers at once what waited";
}

TEST_P(PoolTest, KilledProcessRefusesAndVanishedHostIsSilent) {
  for (const bool kernel : {true, false}) {
    Pool pool({GetParam(), 5});
    pool.start_known(3);
    const TimePoint start = pool.now();
    kernel ? pool.kill(1) : pool.vanish(1);
    ASSERT_TRUE(pool.run_until([&] { return pool.beliefs().believers(1) == 0; }, 60s));
    const bool at_once = pool.now() - start < 2s;
    EXPECT_EQ(at_once, kernel && GetParam() == Variant::kith);
  }
}

TEST(PoolDeterminismTest, SameSeedSameTrace) {
  const auto run = [](std::uint64_t seed) {
    Setting setting;
    setting.seed = seed;
    setting.nodes = 20;
    setting.loss = 0.1;
    setting.hours = 0.02;
    const Outcome outcome = paused_members(setting);
    return std::pair(outcome.trace, outcome.steps);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace kith::sim::pool
