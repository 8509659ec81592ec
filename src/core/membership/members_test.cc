// SPDX-License-Identifier: Apache-2.0
#include "core/membership/members.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000s};

/// Itself ("self") and `others` living members, named by numbers.
void fill(Members& members, int others, Rng& rng) {
  members.add("self", rng).state = State::alive;
  for (int i = 0; i < others; ++i) {
    Member& member = members.add(std::to_string(i), rng);
    member.state = State::alive;
    member.changed = kNow;
  }
}

TEST(MembersTest, EachRoundProbesEverybodyOnceInAnotherOrder) {
  Rng rng(1);
  Members members("self");
  fill(members, 20, rng);
  std::set<std::string> orders;
  for (int round = 0; round < 5; ++round) {
    std::set<std::string> seen;
    std::string order;
    for (int i = 0; i < 20; ++i) {
      const std::string& name = members.next_to_probe(kNow, 30s, rng)->name;
      seen.insert(name);
      order += name + " ";
    }
    EXPECT_EQ(seen.size(), 20u);
    EXPECT_FALSE(seen.contains("self"));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 5u);
}

TEST(MembersTest, SuspectsAreProbedAndTheGoneAreNot) {
  Rng rng(1);
  Members members("self");
  fill(members, 3, rng);
  members.find("0")->state = State::dead;
  members.find("1")->state = State::left;
  members.find("2")->state = State::suspect;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(members.next_to_probe(kNow, 30s, rng)->name, "2");
  members.find("2")->state = State::dead;
  EXPECT_EQ(members.next_to_probe(kNow, 30s, rng), nullptr);
}

TEST(MembersTest, TheGoneAreForgottenWhenTheirTimeIsOver) {
  Rng rng(1);
  Members members("self");
  fill(members, 4, rng);
  members.find("0")->state = State::dead;
  members.find("1")->state = State::left;
  members.find("2")->state = State::suspect;
  members.forget(kNow + 30s, 30s);
  EXPECT_EQ(members.size(), 5u);
  members.forget(kNow + 31s, 30s);
  EXPECT_EQ(members.size(), 3u);
  EXPECT_EQ(members.find("0"), nullptr);
  EXPECT_EQ(members.find("1"), nullptr);
}

TEST(MembersTest, NodeThatLeftDoesNotForgetItself) {
  Rng rng(1);
  Members members("self");
  fill(members, 0, rng);
  members.self().state = State::left;
  members.forget(kNow + 3600s, 30s);
  EXPECT_TRUE(members.is_self(members.self().name));
}

TEST(MembersTest, ChoiceIsEven) {
  Rng rng(1);
  Members members("self");
  fill(members, 30, rng);
  std::map<std::string, int> chosen;
  constexpr int kRounds = 10'000;
  for (int i = 0; i < kRounds; ++i) {
    for (const Member* member :
         members.choose(3, rng, [](const Member& m) { return m.name != "self"; })) {
      ++chosen[member->name];
    }
  }
  EXPECT_EQ(chosen.size(), 30u);
  for (const auto& [name, times] : chosen) EXPECT_NEAR(times, kRounds * 3 / 30, 150) << name;
}

RC_GTEST_PROP(MembersProperty, ChoosesDifferentEligibleOnes, ()) {
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  Members members("self");
  const int others = *rc::gen::inRange(0, 40);
  fill(members, others, rng);
  const auto count = *rc::gen::inRange<std::size_t>(0, 6);
  std::set<const Member*> different;
  for (const Member* member :
       members.choose(count, rng, [](const Member& m) { return m.name != "self"; })) {
    RC_ASSERT(member->name != "self");
    RC_ASSERT(different.insert(member).second);
  }
  RC_ASSERT(different.size() == std::min(count, static_cast<std::size_t>(others)));
}

}  // namespace
}  // namespace kith::membership
