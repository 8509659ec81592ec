// SPDX-License-Identifier: Apache-2.0
#include "core/membership/membership.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/membership/encoded_size.h"
#include "core/membership/test_node.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

NodeState entry(std::string name, int address, State state = State::alive) {
  const Alive claim = TestNode::alive(name, address);
  return {std::move(name), claim.addr, claim.port, "", 1, state, kVersions};
}
std::size_t packet_size(const SendPacket& packet) {
  std::size_t size = packet.messages.size() > 1 ? 2 : 0;
  for (const Message& message : packet.messages) {
    size += encoded_size(message) + (packet.messages.size() > 1 ? 2 : 0);
  }
  return size;
}

// ---- Answering

TEST(MembershipTest, AnswersPingsInItsNameOrNoName) {
  TestNode test;
  test.receive({Ping{7, "self"}, Ping{8, ""}, Ping{9, "other"}});
  const auto acks = test.sent<Ack>();
  ASSERT_EQ(acks.size(), 2u);
  EXPECT_EQ(acks[0].second.seq_no, 7u);
  EXPECT_EQ(acks[1].second.seq_no, 8u);
  EXPECT_EQ(acks[0].first, address_number(99)) << "where it came from";
}

TEST(MembershipTest, AnswersWhereThePingSaysItsSourceIs) {
  TestNode test;
  test.receive({Ping{7, "self", address_number(3).ip, 1234, "c"},
                Ping{8, "self", address_number(3).ip, 0, "c"}});
  EXPECT_EQ(test.sent<Ack>()[0].first, address_number(3, 1234));
  EXPECT_EQ(test.sent<Ack>()[1].first, address_number(99)) << "half an address is none";
}

TEST(MembershipTest, AnswersPingsOnStreams) {
  TestNode test;
  test.node.on_caller(CallerId{1}, Ping{7, "self"}, test.now, test.actions);
  test.node.on_caller(CallerId{2}, Ping{8, "other"}, test.now, test.actions);
  ASSERT_EQ(test.all<ReplyToCaller>().size(), 1u);
  EXPECT_EQ(std::get<Ack>(test.all<ReplyToCaller>()[0].reply).seq_no, 7u);
  ASSERT_EQ(test.all<RefuseCaller>().size(), 1u);
  EXPECT_EQ(test.all<RefuseCaller>()[0].caller, CallerId{2});
}

TEST(MembershipTest, TakesBytesOfTheLayerAboveOnStreamsToo) {
  TestNode test;
  test.node.on_caller(CallerId{3}, User{"hello"}, test.now, test.actions);
  ASSERT_EQ(test.all<UserReceived>().size(), 1u);
  EXPECT_EQ(test.all<UserReceived>()[0].payload, "hello");
  ASSERT_EQ(test.all<RefuseCaller>().size(), 1u) << "nobody waits for an answer";
  EXPECT_EQ(test.all<RefuseCaller>()[0].caller, CallerId{3});
}

TEST(MembershipTest, CorrectsWhoMissedARefutation) {
  TestNode test;
  test.receive({Suspect{1, "self", "a"}});
  EXPECT_TRUE(test.sent<Alive>().empty()) << "the refutation itself is news for all";
  for (const Message& accusation :
       {Message(Suspect{1, "self", "b"}), Message(Dead{1, "self", "b"})}) {
    test.actions.clear();
    test.receive({accusation});
    ASSERT_FALSE(test.sent<Alive>().empty());
    EXPECT_EQ(test.sent<Alive>()[0].first, address_number(99));
    EXPECT_EQ(test.sent<Alive>()[0].second.incarnation, 2u);
  }
}

// ---- News

TEST(MembershipTest, PacketsKeepToTheirBudget) {
  Options options = test_options();
  options.packet_overhead = 34;
  TestNode test(options);
  for (int i = 2; i < 120; ++i) test.receive({TestNode::alive("member" + std::to_string(i), i)});
  test.receive({Ping{1, "self"}});
  test.run_for(5s);
  std::size_t largest = 0;
  for (const SendPacket& packet : test.all<SendPacket>()) {
    largest = std::max(largest, packet_size(packet));
    EXPECT_LE(packet_size(packet), 1400u - 34u + 2u) << "the first part's length is not counted";
  }
  EXPECT_GT(largest, 1300u) << "and they are filled";
}

TEST(MembershipTest, AsMuchFitsAsInMemberlistsPackets) {
  TestNode test;
  for (int i = 10; i < 60; ++i) test.receive({TestNode::alive("node" + std::to_string(i), i)});
  ASSERT_EQ(encoded_size(TestNode::alive("node10", 10)), 62u);
  test.actions.clear();
  test.receive({Ping{1, "self"}});
  EXPECT_EQ(test.all<SendPacket>()[0].messages.size(), 1u + 21u);
}

TEST(MembershipTest, NewsIsSentAsOftenAsThePoolNeeds) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), TestNode::alive("b", 3), TestNode::alive("c", 4)});
  test.run_for(5s);
  int times = 0;
  for (const auto& [to, claim] : test.sent<Alive>()) times += claim.node == "a";
  EXPECT_EQ(times, 4);
}

TEST(MembershipTest, NewsAfterSilenceLeavesAtOnceAndThenAtIntervals) {
  Options options = test_options();
  options.profile.probe_interval = 60s;
  TestNode test(options);
  test.receive({TestNode::alive("a", 2)});
  test.run_for(5s);
  test.actions.clear();
  test.receive({TestNode::alive("a", 2, 2)});
  test.node.on_deadline(test.now, test.actions);
  EXPECT_EQ(test.sent<Alive>().size(), 1u);
  test.run_for(199ms);
  EXPECT_EQ(test.sent<Alive>().size(), 1u);
  test.run_for(1ms);
  EXPECT_EQ(test.sent<Alive>().size(), 2u);
}

TEST(MembershipTest, TheDeadAreToldForAWhileAndThoseWhoLeftAreNot) {
  for (const bool left : {false, true}) {
    TestNode test;
    test.receive({TestNode::alive("a", 2), TestNode::alive("b", 3)});
    test.run_for(3s);
    test.receive({Dead{1, "a", left ? "a" : "b"}});
    test.actions.clear();
    test.run_for(3s);
    bool told = false;
    for (const auto& [to, dead] : test.sent<Dead>()) told = told || to == address_number(2);
    EXPECT_EQ(told, !left);
  }
}

TEST(MembershipTest, SpreadsAndDeliversBytesOfTheLayerAbove) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  EXPECT_TRUE(test.node.spread("hello"));
  EXPECT_FALSE(test.node.spread(std::string(1400, 'x')));
  test.run_for(1s);
  EXPECT_FALSE(test.sent<User>().empty());
  test.receive({User{"news"}});
  EXPECT_EQ(test.all<UserReceived>().at(0).payload, "news");
}

TEST(MembershipTest, NewerBytesAboutTheSameReplaceOlder) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  ASSERT_TRUE(test.node.spread("1", "x"));
  ASSERT_TRUE(test.node.spread("2", "x"));
  ASSERT_TRUE(test.node.spread("3", "y"));
  test.node.stop_spreading("y");
  test.run_for(3s);
  ASSERT_FALSE(test.sent<User>().empty());
  for (const auto& [to, user] : test.sent<User>()) EXPECT_EQ(user.payload, "2");
}

TEST(MembershipTest, NewMetaRaisesTheIncarnation) {
  TestNode test;
  EXPECT_TRUE(test.node.set_meta("x"));
  EXPECT_EQ(test.incarnation(), 2u);
  EXPECT_EQ(test.node.health_score(), 0);
  EXPECT_FALSE(test.node.set_meta(std::string(513, 'x')));
  EXPECT_EQ(test.incarnation(), 2u);
}

// ---- Push/pull and join

TEST(MembershipTest, RecallsAPoolWithoutSpreadingIt) {
  TestNode test;
  test.receive({TestNode::alive("a", 2, 5)});
  test.run_for(5s);  // All news is out.
  test.actions.clear();
  const std::string ip = address_number(3).ip;
  const NodeState known[] = {{"self", ip, 1, "", 9, State::alive, kVersions},
                             {"a", ip, 1, "", 9, State::alive, kVersions},
                             {"b", ip, 1, "meta", 9, State::alive, kVersions},
                             {"c", ip, 1, "", 9, State::dead, kVersions}};
  test.node.recall(known, test.now, test.actions);
  EXPECT_EQ(test.events(), "joined b");
  EXPECT_EQ(test.incarnation("a"), 5u);
  EXPECT_EQ(test.incarnation("b"), 9u);
  EXPECT_EQ(test.incarnation(), 1u);
  test.run_for(5s);
  EXPECT_TRUE(test.sent<Alive>().empty());
}

TEST(MembershipTest, AnswersAPushPullWithWhatItKnewBefore) {
  TestNode test;
  test.node.set_user_state("mine");
  PushPull remote{true, {entry("a", 2)}, "theirs"};
  test.node.on_caller(CallerId{5}, remote, test.now, test.actions);
  const auto reply = std::get<PushPull>(test.all<ReplyToCaller>().at(0).reply);
  EXPECT_TRUE(reply.join);
  EXPECT_EQ(reply.nodes.size(), 1u);
  EXPECT_EQ(reply.user_state, "mine");
  EXPECT_EQ(test.all<UserStateReceived>().at(0).state, "theirs");
  EXPECT_EQ(test.events(), "joined a");
}

TEST(MembershipTest, JoinExchangesEverythingWithEachAddressOnce) {
  TestNode test;
  const std::vector<Address> seeds = {address_number(2), address_number(1), address_number(3)};
  const JoinId join = test.node.join(seeds, test.now, test.actions);
  const auto streams = test.all<OpenStream>();
  ASSERT_EQ(streams.size(), 2u) << "not with itself";
  EXPECT_TRUE(std::get<PushPull>(streams[0].request).join);
  EXPECT_EQ(streams[0].deadline, test.now + 10s);
  test.node.on_stream_failed(streams[1].stream, test.actions);
  EXPECT_TRUE(test.all<JoinEnded>().empty());
  test.node.on_stream_reply(streams[0].stream, PushPull{true, {entry("a", 2)}}, test.now,
                            test.actions);
  ASSERT_EQ(test.all<JoinEnded>().size(), 1u);
  EXPECT_EQ(test.all<JoinEnded>()[0].join, join);
  EXPECT_EQ(test.all<JoinEnded>()[0].reached, 1u);
  test.node.on_stream_failed(streams[0].stream, test.actions);
  EXPECT_EQ(test.all<JoinEnded>().size(), 1u) << "a stream ends once";
}

TEST(MembershipTest, JoinOfNobodyEndsAtOnce) {
  TestNode test;
  test.node.join({}, test.now, test.actions);
  EXPECT_EQ(test.all<JoinEnded>().at(0).reached, 0u);
}

TEST(MembershipTest, RestartedNodeLearnsItsOldIncarnationFromTheJoin) {
  TestNode test;
  test.node.join(std::vector{address_number(2)}, test.now, test.actions);
  NodeState self = entry("self", 1, State::dead);
  self.incarnation = 5;
  test.node.on_stream_reply(test.all<OpenStream>().at(0).stream,
                            PushPull{true, {entry("a", 2), self}}, test.now, test.actions);
  EXPECT_EQ(test.incarnation(), 6u);
}

TEST(MembershipTest, ExchangesEverythingWithOneLivingMemberAtIntervals) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), TestNode::alive("b", 3)});
  test.receive({Dead{1, "b", "a"}});
  const auto push_pulls = [&] {
    std::size_t count = 0;
    for (const OpenStream& stream : test.all<OpenStream>()) {
      if (!std::holds_alternative<PushPull>(stream.request)) continue;
      ++count;
      EXPECT_EQ(stream.to, address_number(2));
      EXPECT_FALSE(std::get<PushPull>(stream.request).join);
    }
    return count;
  };
  for (TimePoint end = test.now + 90s; test.now < end;) {
    test.receive({Ack{test.next_ping().second.seq_no}});
    if (push_pulls() == 3) break;
  }
  EXPECT_LE(test.now, kStart + 91s);
}

// ---- Leaving

TEST(MembershipTest, LeaveEndsWhenTheOthersWereTold) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.run_for(300ms);
  test.node.leave(test.now, 5s, test.actions);
  EXPECT_TRUE(test.all<LeaveEnded>().empty());
  test.run_for(900ms);
  EXPECT_EQ(test.all<LeaveEnded>().size(), 1u);
  int told = 0;
  for (const auto& [to, dead] : test.sent<Dead>())
    told += dead.node == "self" && dead.from == "self";
  EXPECT_EQ(told, 4);
  test.node.leave(test.now, 5s, test.actions);
  EXPECT_EQ(test.all<LeaveEnded>().size(), 1u);
}

TEST(MembershipTest, LeaveIsNotRefutedAndStillAnswers) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  test.node.leave(test.now, 5s, test.actions);
  test.receive({Suspect{1, "self", "a"}, Dead{1, "self", "a"}, TestNode::alive("self", 1, 9),
                Ping{7, "self"}});
  EXPECT_EQ(test.incarnation(), 1u);
  EXPECT_EQ(test.state("self"), State::left);
  EXPECT_EQ(test.sent<Ack>().size(), 1u);
}

TEST(MembershipTest, LeaveWithNobodyToTellEndsAtOnce) {
  TestNode test;
  test.node.leave(test.now, 5s, test.actions);
  EXPECT_EQ(test.all<LeaveEnded>().size(), 1u);
}

TEST(MembershipTest, LeaveEndsWhenPatienceDoes) {
  Options options = test_options();
  options.profile.gossip_interval = 10s;
  options.profile.probe_interval = 10s;
  TestNode test(options);
  test.receive({TestNode::alive("a", 2)});
  test.node.leave(test.now, 2s, test.actions);
  test.run_for(1999ms);
  EXPECT_TRUE(test.all<LeaveEnded>().empty());
  test.run_for(1ms);
  EXPECT_EQ(test.all<LeaveEnded>().size(), 1u);
}

// ---- Stalls of this node

TEST(MembershipTest, OwnStallIsNotHeldAgainstTheProbed) {
  TestNode test;
  test.receive({TestNode::alive("a", 2)});
  const auto [to, ping] = test.next_ping();
  test.stall(5s);
  test.node.on_deadline(test.now, test.actions);
  EXPECT_EQ(test.events(), "");
  test.receive({Ack{ping.seq_no}});
  test.run_for(100ms);
  EXPECT_EQ(test.events(), "");
  EXPECT_EQ(test.node.health_score(), 0);
}

TEST(MembershipTest, SuspectsGetTimeToBeHeardAfterAStall) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), Suspect{1, "a", "b"}});
  test.run_for(3s);
  test.stall(20s);
  test.node.on_deadline(test.now, test.actions);
  EXPECT_EQ(test.state("a"), State::suspect);
  test.run_for(999ms);
  EXPECT_EQ(test.state("a"), State::suspect);
  test.receive({TestNode::alive("a", 2, 2)});
  test.run_for(1s);
  EXPECT_EQ(test.state("a"), State::alive);
}

TEST(MembershipTest, SuspectThatIsNotHeardAfterAStallDies) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), Suspect{1, "a", "b"}});
  test.stall(20s);
  test.node.on_deadline(test.now, test.actions);
  test.run_for(1s);
  EXPECT_EQ(test.state("a"), State::dead);
}

TEST(MembershipTest, SmallDelayIsNoStall) {
  TestNode test;
  test.receive({TestNode::alive("a", 2), Suspect{1, "a", "b"}});
  test.run_until(kStart + 3950ms);
  test.stall(100ms);
  test.node.on_deadline(test.now, test.actions);
  EXPECT_EQ(test.state("a"), State::dead);
}

}  // namespace
}  // namespace kith::membership
