// SPDX-License-Identifier: Apache-2.0
#include "core/membership/prober.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "core/membership/test_node.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

class ProberTest : public testing::Test {
 protected:
  /// Knows the members 2 to `last`, and has spread the news of them.
  void meet(int last) {
    for (int i = 2; i <= last; ++i) test_.receive({TestNode::alive(std::to_string(i), i)});
    test_.actions.clear();
  }
  /// The requests to others that belong to the ping `number`.
  std::vector<std::pair<Address, IndirectPing>> asked(std::uint32_t number) const {
    auto requests = test_.sent<IndirectPing>();
    std::erase_if(requests, [&](const auto& r) { return r.second.seq_no != number; });
    return requests;
  }

  TestNode test_;
};

TEST_F(ProberTest, ProbesOneMemberEachInterval) {
  meet(6);
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) {
    const auto [to, ping] = test_.next_ping();
    EXPECT_EQ(to, address_number(std::stoi(ping.node)));
    EXPECT_EQ(ping.source_node, "self");
    EXPECT_EQ(ping.source_addr, address_number(1).ip);
    seen.insert(ping.node);
    EXPECT_LE(test_.now, kStart + (i + 1) * 1s);
    test_.receive({Ack{ping.seq_no}});
  }
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(test_.events(), "");
}

TEST_F(ProberTest, InAPoolOfTwoTheOtherIsProbedEachInterval) {
  meet(2);
  test_.receive({Ack{test_.next_ping().second.seq_no}});
  const TimePoint first = test_.now;
  test_.next_ping();
  EXPECT_EQ(test_.now - first, 1s);
}

TEST_F(ProberTest, AsksOthersAndAStreamAfterTheTimeout) {
  meet(8);
  const auto [to, ping] = test_.next_ping();
  test_.run_for(499ms);
  EXPECT_TRUE(asked(ping.seq_no).empty());
  test_.run_for(1ms);
  const auto requests = asked(ping.seq_no);
  ASSERT_EQ(requests.size(), 3u);
  std::set<Address> relays;
  for (const auto& [relay, request] : requests) {
    relays.insert(relay);
    EXPECT_EQ(request.node, ping.node);
    EXPECT_EQ(request.target, to.ip);
    EXPECT_EQ(request.port, to.port);
    EXPECT_TRUE(request.nack);
  }
  EXPECT_EQ(relays.size(), 3u);
  EXPECT_FALSE(relays.contains(to));
  EXPECT_FALSE(relays.contains(address_number(1)));
  const auto streams = test_.all<OpenStream>();
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0].to, to);
  EXPECT_EQ(streams[0].deadline, test_.now + 500ms);
  EXPECT_EQ(std::get<Ping>(streams[0].request).seq_no, ping.seq_no);
}

TEST(ProberPingsTest, AreRepeatedUntilOneIsAnsweredOrOthersAreAsked) {
  Options options = test_options();
  options.profile = kith_profile();
  TestNode test(options);
  for (int i = 2; i <= 5; ++i) test.receive({TestNode::alive(std::to_string(i), i)});
  const auto count = [&](std::uint32_t number) {
    return std::ranges::count_if(test.sent<Ping>(),
                                 [&](const auto& sent) { return sent.second.seq_no == number; });
  };
  const std::uint32_t silent = test.next_ping().second.seq_no;
  test.run_for(199ms);
  EXPECT_EQ(count(silent), 3) << "after 50, 100 and 150 ms, besides the first";
  EXPECT_TRUE(test.sent<IndirectPing>().empty());
  test.run_for(1ms);
  EXPECT_EQ(test.sent<IndirectPing>().size(), 3u);

  std::uint32_t answered = silent;
  while (answered == silent) answered = test.next_ping().second.seq_no;
  test.receive({Ack{answered}});
  test.run_for(200ms);
  EXPECT_EQ(count(answered), 0) << "besides the first";
}

TEST_F(ProberTest, LateOrRelayedAnswerBeforeTheDeadlineCounts) {
  meet(8);
  const auto [to, ping] = test_.next_ping();
  test_.run_for(999ms);
  test_.receive({Ack{ping.seq_no}});
  test_.run_for(100ms);
  EXPECT_EQ(test_.events(), "");
  EXPECT_EQ(test_.node.health_score(), 0);
}

TEST_F(ProberTest, SilentMemberIsSuspectedAtTheDeadline) {
  meet(3);
  const auto [to, ping] = test_.next_ping();
  test_.run_for(999ms);
  EXPECT_EQ(test_.events(), "");
  test_.run_for(1ms);
  EXPECT_EQ(test_.events(), "suspected " + ping.node);
}

TEST_F(ProberTest, RelaysThatAreSilentCostHealthAndTheirNacksDoNot) {
  for (const auto& [nacks, score] : {std::pair{0, 3}, std::pair{2, 1}, std::pair{3, 0}}) {
    TestNode test;
    for (int i = 2; i <= 8; ++i) test.receive({TestNode::alive(std::to_string(i), i)});
    const auto [to, ping] = test.next_ping();
    test.run_for(600ms);
    for (int i = 0; i < nacks; ++i) test.receive({Nack{ping.seq_no}});
    test.run_for(400ms);
    EXPECT_EQ(test.node.health_score(), score);
  }
}

TEST_F(ProberTest, WithNobodyToAskAFailureCostsOne) {
  meet(2);
  test_.next_ping();
  test_.run_for(1s);
  EXPECT_EQ(test_.node.health_score(), 1);
}

TEST_F(ProberTest, NodeInDoubtOfItselfWaitsLonger) {
  meet(2);
  test_.receive({Suspect{1, "self", "2"}, Suspect{2, "self", "2"}});
  ASSERT_EQ(test_.node.health_score(), 2);
  test_.next_ping();
  test_.run_for(2999ms);
  EXPECT_EQ(test_.events(), "");
  test_.run_for(1ms);
  EXPECT_EQ(test_.events(), "suspected 2");
}

TEST_F(ProberTest, AnswerHeals) {
  meet(2);
  test_.receive({Suspect{1, "self", "2"}});
  test_.receive({Ack{test_.next_ping().second.seq_no}});
  EXPECT_EQ(test_.node.health_score(), 0);
}

TEST_F(ProberTest, AnswerOnTheStreamSavesAtTheDeadline) {
  meet(2);
  const auto [to, ping] = test_.next_ping();
  test_.run_for(500ms);
  const auto stream = test_.all<OpenStream>().at(0).stream;
  test_.node.on_stream_reply(stream, Ack{ping.seq_no}, test_.now, test_.actions);
  test_.run_for(500ms);
  EXPECT_EQ(test_.events(), "");
  ASSERT_EQ(test_.all<PacketsUnanswered>().size(), 1u);
  EXPECT_EQ(test_.all<PacketsUnanswered>()[0].name, "2");
  EXPECT_EQ(test_.node.health_score(), 0);
}

TEST_F(ProberTest, OldMembersAreNotAskedForWhatTheyDoNotKnow) {
  for (const int number : {2, 3}) {
    Alive old = TestNode::alive(std::to_string(number), number);
    old.vsn = {1, 2, 2, 0, 0, 0};
    test_.receive({old});
  }
  const auto [to, ping] = test_.next_ping();
  test_.run_for(500ms);
  const auto requests = asked(ping.seq_no);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_FALSE(requests[0].second.nack);
  EXPECT_TRUE(test_.all<OpenStream>().empty());
}

TEST_F(ProberTest, SuspectIsToldSoWithThePing) {
  meet(2);
  test_.receive({Suspect{1, "2", "3"}});
  test_.next_ping();
  ASSERT_EQ(test_.last_packet.messages.size(), 2u);
  const auto* accusation = std::get_if<Suspect>(&test_.last_packet.messages[1]);
  ASSERT_NE(accusation, nullptr);
  EXPECT_EQ(accusation->from, "self");
  EXPECT_TRUE(test_.last_packet.checksum);
}

TEST_F(ProberTest, AnswersToSomethingElseAreIgnored) {
  meet(2);
  const auto [to, ping] = test_.next_ping();
  test_.receive({Ack{ping.seq_no + 1}, Nack{ping.seq_no + 1}});
  test_.run_for(1s);
  EXPECT_EQ(test_.events(), "suspected 2");
}

}  // namespace
}  // namespace kith::membership
