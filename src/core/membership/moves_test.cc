// SPDX-License-Identifier: Apache-2.0
#include "core/membership/moves.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/membership/test_node.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

Options memberlist_rules(Duration reclaim = 0s) {
  Options options = test_options();
  options.verify_moves = false;
  options.profile.dead_node_reclaim = reclaim;
  return options;
}
Address address_of(const TestNode& test, std::string_view name) {
  return test.node.members().find(name)->address;
}
/// The pings by which `test` asks for `name`, apart from probes: their common number is returned.
std::uint32_t asked_for(const TestNode& test, std::string_view name, const Address& where) {
  for (const auto& [to, ping] : test.sent<Ping>()) {
    if (to == where && ping.node == name) return ping.seq_no;
  }
  return 0;
}

TEST(MovesTest, ByMemberlistsRulesTheFirstKeepsTheName) {
  TestNode test(memberlist_rules());
  test.receive({TestNode::alive("a", 2), TestNode::alive("a", 3, 9)});
  EXPECT_EQ(address_of(test, "a"), address_number(2));
  ASSERT_EQ(test.all<NameConflict>().size(), 1u);
  EXPECT_EQ(test.all<NameConflict>()[0].known, address_number(2));
  EXPECT_EQ(test.all<NameConflict>()[0].claimed, address_number(3));
  test.receive({Dead{1, "a", "b"}, TestNode::alive("a", 3, 9)});
  EXPECT_EQ(test.all<NameConflict>().size(), 2u) << "the dead keep theirs, too";
}

TEST(MovesTest, WhoLeftMayComeBackElsewhereEvenWithALowerIncarnation) {
  TestNode test(memberlist_rules());
  test.receive({TestNode::alive("a", 2, 5), Dead{5, "a", "a"}, TestNode::alive("a", 3, 1)});
  EXPECT_EQ(address_of(test, "a"), address_number(3));
  EXPECT_EQ(test.incarnation("a"), 1u);
  EXPECT_EQ(test.events(), "joined a, left a, joined a");
}

TEST(MovesTest, ByMemberlistsRulesADeadNameIsFreeAfterTheReclaimTime) {
  TestNode test(memberlist_rules(5s));
  test.receive({TestNode::alive("a", 2, 5), Dead{5, "a", "b"}});
  test.run_for(5s);
  test.receive({TestNode::alive("a", 3, 1)});
  EXPECT_EQ(address_of(test, "a"), address_number(2));
  test.run_for(1ms);
  test.receive({TestNode::alive("a", 3, 1)});
  EXPECT_EQ(address_of(test, "a"), address_number(3));
}

TEST(MovesTest, ByMemberlistsRulesAnotherAddressOfItselfIsAConflictAndNotRefuted) {
  TestNode test(memberlist_rules());
  test.receive({TestNode::alive("self", 2, 200)});
  EXPECT_EQ(test.incarnation(), 1u);
  EXPECT_EQ(test.all<NameConflict>().size(), 1u);
}

TEST(MovesTest, NameMovesWhenNobodyAnswersAtTheOldAddress) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.actions.clear();
  test.receive({TestNode::alive("a", 3, 2)});
  EXPECT_NE(asked_for(test, "a", address_number(2)), 0u);
  test.run_for(499ms);
  EXPECT_EQ(address_of(test, "a"), address_number(2));
  test.run_for(2ms);
  EXPECT_EQ(address_of(test, "a"), address_number(3));
  EXPECT_EQ(test.events(), "updated a");
  EXPECT_TRUE(test.all<NameConflict>().empty());
  test.receive({TestNode::alive("a", 2, 1)});
  test.run_for(50ms);
  EXPECT_EQ(address_of(test, "a"), address_number(3)) << "old news about the old place";
}

TEST(MovesTest, NameStaysWhenItAnswersAtTheOldAddress) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.actions.clear();
  test.receive({TestNode::alive("a", 3, 2)});
  test.receive({Ack{asked_for(test, "a", address_number(2))}});
  ASSERT_EQ(test.all<NameConflict>().size(), 1u);
  EXPECT_EQ(test.all<NameConflict>()[0].claimed, address_number(3));
  test.actions.clear();
  test.receive({TestNode::alive("a", 3, 2)});
  EXPECT_TRUE(test.actions.empty()) << "the same is not asked again";
  test.run_for(1s);
  EXPECT_EQ(address_of(test, "a"), address_number(2));
}

TEST(MovesTest, LowerIncarnationElsewhereTakesNothing) {
  TestNode test;
  test.receive({TestNode::alive("a", 2, 5), TestNode::alive("a", 3, 4)});
  test.run_for(700ms);
  EXPECT_EQ(address_of(test, "a"), address_number(2));
  EXPECT_TRUE(test.all<NameConflict>().empty());
}

TEST(MovesTest, DeadNameIsFreeAtOnce) {
  TestNode test;
  test.receive({TestNode::alive("a", 2, 5), Dead{5, "a", "b"}, TestNode::alive("a", 3, 1)});
  EXPECT_EQ(address_of(test, "a"), address_number(3));
  EXPECT_EQ(test.state("a"), State::alive);
}

TEST(MovesTest, NodeOutdoesItsEarlierLifeElsewhere) {
  TestNode test;
  test.receive({TestNode::alive("self", 2, 7)});
  EXPECT_NE(asked_for(test, "self", address_number(2)), 0u);
  test.run_for(501ms);
  EXPECT_EQ(test.incarnation(), 8u);
  EXPECT_EQ(address_of(test, "self"), address_number(1));
  EXPECT_EQ(test.node.health_score(), 0) << "nobody doubted it";
}

TEST(MovesTest, NodeDoesNotOutbidALivingNamesake) {
  TestNode test;
  test.receive({TestNode::alive("self", 2, 7)});
  test.receive({Ack{asked_for(test, "self", address_number(2))}});
  test.run_for(501ms);
  EXPECT_EQ(test.incarnation(), 1u);
  EXPECT_EQ(test.all<NameConflict>().size(), 1u);
}

TEST(MovesOfOthersTest, NobodyElseIsWhereThisNodeIs) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.actions.clear();
  // Old news: this node has the address now that "a" had before.
  test.receive({TestNode::alive("a", 1, 9)});
  EXPECT_TRUE(test.sent<Ping>().empty());
  test.run_for(2s);
  EXPECT_TRUE(test.all<NameConflict>().empty());
  EXPECT_EQ(test.node.members().find("a")->address, address_number(2));
}

}  // namespace
}  // namespace kith::membership
