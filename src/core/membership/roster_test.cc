// SPDX-License-Identifier: Apache-2.0
#include "core/membership/roster.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "core/membership/test_node.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

Options without_moves() {
  Options options = test_options();
  options.verify_moves = false;
  return options;
}
Alive self_alive(std::uint32_t incarnation, std::string meta = "", int address = 1) {
  return TestNode::alive("self", address, incarnation, std::move(meta));
}

// What was seen of memberlist, in this order, from its own incarnation 1.
TEST(RosterTest, RefutesWhatIsSaidAboutItself) {
  struct Step {
    Message said;
    std::uint32_t incarnation;
  };
  const Step steps[] = {
      {Suspect{1, "self", "a"}, 2},        {Suspect{1, "self", "a"}, 2},
      {Suspect{50, "self", "a"}, 51},      {Dead{51, "self", "a"}, 52},
      {Dead{60, "self", "self"}, 61},      {self_alive(61), 61},
      {self_alive(61, "other"), 62},       {self_alive(100), 101},
      {self_alive(7, "of long ago"), 101},
  };
  TestNode test(without_moves());
  for (const Step& step : steps) {
    test.receive({step.said});
    EXPECT_EQ(test.incarnation(), step.incarnation);
    EXPECT_EQ(test.state("self"), State::alive);
  }
  EXPECT_EQ(test.events(), "");
}

TEST(RosterTest, RefutationIsNewsAndCostsHealth) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), Suspect{1, "self", "a"}});
  EXPECT_EQ(test.node.health_score(), 1);
  test.run_for(1s);
  const auto claims = test.sent<Alive>();
  EXPECT_TRUE(std::ranges::any_of(claims, [](const auto& claim) {
    return claim.second.node == "self" && claim.second.incarnation == 2;
  }));
}

TEST(RosterTest, AliveNeedsAHigherIncarnationAndAccusationsAnEqualOne) {
  TestNode test;
  test.receive({TestNode::alive("a", 2, 5)});
  test.receive({Suspect{4, "a", "b"}, Dead{4, "a", "b"}});
  EXPECT_EQ(test.state("a"), State::alive);
  test.receive({Suspect{5, "a", "b"}});
  EXPECT_EQ(test.state("a"), State::suspect);
  test.receive({TestNode::alive("a", 2, 5)});
  EXPECT_EQ(test.state("a"), State::suspect);
  test.receive({TestNode::alive("a", 2, 6)});
  EXPECT_EQ(test.state("a"), State::alive);
  test.receive({Dead{6, "a", "b"}});
  EXPECT_EQ(test.state("a"), State::dead);
  test.receive({TestNode::alive("a", 2, 6)});
  EXPECT_EQ(test.state("a"), State::dead);
  test.receive({TestNode::alive("a", 2, 7)});
  EXPECT_EQ(test.events(), "joined a, suspected a, cleared a, failed a, joined a");
}

TEST(RosterTest, DeadByItselfHasLeft) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.receive({Dead{1, "a", "a"}});
  EXPECT_EQ(test.state("a"), State::left);
  EXPECT_EQ(test.events(), "joined a, left a");
}

TEST(RosterTest, FirstEndCounts) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.receive({Dead{1, "a", "b"}, Dead{9, "a", "a"}});
  EXPECT_EQ(test.state("a"), State::dead);
  EXPECT_EQ(test.incarnation("a"), 1u) << "and the incarnation is not raised";
}

TEST(RosterTest, ClaimsAboutStrangersAreIgnoredUnlessTheyLive) {
  TestNode test;
  test.receive({Suspect{1, "a", "b"}, Dead{1, "a", "b"}, TestNode::alive("zero", 3, 0)});
  EXPECT_EQ(test.node.members().size(), 1u);
}

TEST(RosterTest, RefusesClaimsThatWouldHarmThePool) {
  TestNode test;
  const auto refused = [&](const std::function<void(Alive&)>& spoil) {
    Alive claim = TestNode::alive("a", 2);
    spoil(claim);
    test.receive({claim});
    return test.node.members().size() == 1;
  };
  EXPECT_TRUE(refused([](Alive& claim) { claim.vsn = {}; }));
  EXPECT_TRUE(refused([](Alive& claim) { claim.vsn = {3, 2, 2, 0, 0, 0}; }));
  EXPECT_TRUE(refused([](Alive& claim) { claim.node = ""; }));
  EXPECT_TRUE(refused([](Alive& claim) { claim.addr = "abc"; }));
  EXPECT_TRUE(refused([](Alive& claim) { claim.incarnation = UINT32_MAX; }));
  EXPECT_TRUE(refused([](Alive& claim) { claim.meta = std::string(1400, 'm'); }));
  EXPECT_FALSE(refused([](Alive&) {}));
}

TEST(RosterTest, MembersAreBounded) {
  Options options = test_options();
  options.max_members = 3;
  TestNode test(options);
  for (int i = 2; i < 10; ++i) test.receive({TestNode::alive(std::to_string(i), i)});
  EXPECT_EQ(test.node.members().size(), 3u);
}

TEST(RosterTest, AdmitDecidesWhoMayBeAMember) {
  Options options = test_options();
  options.admit = [](const Alive& claim) { return claim.addr[3] != 66; };
  TestNode test(options);
  test.receive({TestNode::alive("bad", 66), TestNode::alive("good", 2)});
  EXPECT_EQ(test.events(), "joined good");
}

TEST(RosterTest, NewMetaIsAnUpdate) {
  TestNode test;
  test.receive({TestNode::alive("a", 2, 1, "x"), TestNode::alive("a", 2, 2, "x"),
                TestNode::alive("a", 2, 3, "y")});
  EXPECT_EQ(test.events(), "joined a, updated a");
  EXPECT_EQ(test.all<MemberEvent>().back().meta, "y");
}

TEST(RosterTest, ConfirmationsArePassedOnWithTheirAccuserWhileTheyCount) {
  TestNode test;
  for (int i = 2; i < 12; ++i) test.receive({TestNode::alive(std::to_string(i), i)});
  test.run_for(3s);
  test.receive({Suspect{1, "2", "3"}, Suspect{1, "2", "4"}, Suspect{1, "2", "4"}});
  test.actions.clear();
  test.run_for(100ms);
  for (const auto& [to, suspect] : test.sent<Suspect>()) EXPECT_EQ(suspect.from, "4");
}

TEST(RosterTest, SuspectIsDeadAfterTheTimeItsConfirmationsLeave) {
  for (const int confirmations : {0, 1, 2, 3}) {
    TestNode test;
    for (int i = 2; i < 6; ++i) test.receive({TestNode::alive(std::to_string(i), i)});
    test.receive({Suspect{1, "2", "3"}});
    for (int i = 0; i < confirmations; ++i) test.receive({Suspect{1, "2", std::to_string(4 + i)}});
    const Duration expected[] = {24s, 11'381ms, 4s, 4s};
    const Duration time = expected[confirmations];
    // Nobody answers this node's probes: itself it confirms nothing, the accuser is not new to it.
    test.run_until(kStart + std::min<Duration>(time, 4s) - 1ms);
    EXPECT_EQ(test.state("2"), State::suspect) << confirmations;
    if (time > 4s) continue;
    test.run_for(1ms);
    EXPECT_EQ(test.state("2"), State::dead) << confirmations;
    EXPECT_TRUE(test.events().find("failed 2") != std::string::npos);
  }
}

TEST(RosterTest, ClearedSuspectIsNotDeclaredDeadByItsOldSuspicion) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.receive({Suspect{1, "a", "b"}});
  test.run_for(3500ms);
  test.receive({TestNode::alive("a", 2, 2)});
  test.receive({Suspect{2, "a", "b"}});
  test.run_for(3900ms);
  EXPECT_EQ(test.state("a"), State::suspect);
  test.run_for(200ms);
  EXPECT_EQ(test.state("a"), State::dead);
}

TEST(RosterTest, SuspectIsWarnedBeforeItIsDeclaredDead) {
  Options options = test_options();
  options.profile.probe_interval = 2s;
  TestNode test(options);
  test.receive({TestNode::alive("a", 2), Suspect{1, "a", "b"}});
  test.run_for(7499ms);
  test.actions.clear();
  test.run_for(1ms);
  const auto warnings = test.sent<Suspect>();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].first, address_number(2));
  EXPECT_EQ(warnings[0].second.from, "self");
  test.run_for(499ms);
  EXPECT_EQ(test.state("a"), State::suspect);
  test.run_for(1ms);
  EXPECT_EQ(test.state("a"), State::dead);
}

TEST(RosterTest, WithoutCorrectionsNobodyIsWarnedOrToldAgain) {
  Options options = test_options();
  options.corrections = false;
  TestNode test(options);
  test.receive({Suspect{1, "self", "x"}});
  test.actions.clear();
  test.receive({Suspect{1, "self", "x"}});
  EXPECT_TRUE(test.actions.empty()) << "it refuted that before";

  test.receive({TestNode::alive("a", 2), Suspect{1, "a", "x"}});
  const TimePoint suspected = test.now;
  test.run_until(suspected + 3600ms);
  test.actions.clear();
  test.run_until(suspected + 4s);
  EXPECT_EQ(test.events(), "failed a") << "with nobody to confirm, at the shortest time";
  EXPECT_TRUE(std::ranges::none_of(test.sent<Suspect>(), [](const auto& sent) {
    return sent.first == address_number(2) && sent.second.from == "self";
  }));
}

TEST(RosterTest, HearsayOfDeathOnlySuspects) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), TestNode::alive("b", 3), TestNode::alive("c", 4)});
  const auto entry = [](std::string name, int address, State state) {
    const Alive claim = TestNode::alive(name, address);
    return NodeState{name, claim.addr, claim.port, "", 1, state, kVersions};
  };
  PushPull remote;
  remote.nodes = {entry("a", 2, State::dead),  entry("b", 3, State::suspect),
                  entry("c", 4, State::left),  entry("d", 5, State::dead),
                  entry("e", 6, State::alive), entry("self", 1, State::dead)};
  remote.nodes.push_back(entry("f", 7, static_cast<State>(255)));
  test.node.on_caller(CallerId{1}, remote, test.now, test.actions);
  EXPECT_EQ(test.state("a"), State::suspect);
  EXPECT_EQ(test.state("b"), State::suspect);
  EXPECT_EQ(test.state("c"), State::left);
  EXPECT_EQ(test.state("e"), State::alive);
  EXPECT_EQ(test.incarnation(), 2u) << "refuted";
  EXPECT_EQ(test.node.members().size(), 5u) << "strangers enter alive or not at all";
}

TEST(RosterTest, OneThatOthersDoNotUnderstandSpoilsTheMerge) {
  TestNode test;
  const Alive claim = TestNode::alive("a", 2);
  PushPull remote;
  remote.nodes = {{"a", claim.addr, claim.port, "", 1, State::alive, kVersions},
                  {"b", claim.addr, 1, "", 1, State::alive, {1, 0, 0, 0, 0, 0}}};
  test.node.on_caller(CallerId{1}, remote, test.now, test.actions);
  EXPECT_EQ(test.events(), "");
  EXPECT_EQ(test.all<Incompatible>().size(), 1u);
  EXPECT_EQ(test.all<ReplyToCaller>().size(), 1u) << "the answer has gone already";
}

}  // namespace
}  // namespace kith::membership
