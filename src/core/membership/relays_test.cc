// SPDX-License-Identifier: Apache-2.0
#include "core/membership/relays.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/membership/test_node.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

IndirectPing request(bool nack) {
  return {41, address_number(5).ip, 7946, "target", nack, address_number(2).ip, 7946, "asker"};
}
/// The number of this node's own ping to the target.
std::uint32_t ping_of(const TestNode& test) {
  for (const auto& [to, ping] : test.sent<Ping>()) {
    if (to == address_number(5) && ping.node == "target") return ping.seq_no;
  }
  return 0;
}

TEST(RelaysTest, PingsTheTargetInItsOwnNameAndPassesTheAnswerOn) {
  TestNode test;
  test.receive({request(true)});
  const std::uint32_t number = ping_of(test);
  ASSERT_NE(number, 0u);
  EXPECT_EQ(test.sent<Ping>()[0].second.source_addr, address_number(1).ip);
  test.receive({Ack{number, "payload"}});
  ASSERT_EQ(test.sent<Ack>().size(), 1u);
  EXPECT_EQ(test.sent<Ack>()[0].first, address_number(2));
  EXPECT_EQ(test.sent<Ack>()[0].second.seq_no, 41u);
  EXPECT_EQ(test.sent<Ack>()[0].second.payload, "");
  test.run_for(1s);
  EXPECT_TRUE(test.sent<Nack>().empty()) << "never after an answer";
}

TEST(RelaysTest, SaysInTimeThatThereIsNoAnswer) {
  TestNode test;
  test.receive({request(true)});
  test.run_for(399ms);
  EXPECT_TRUE(test.sent<Nack>().empty());
  test.run_for(1ms);
  ASSERT_EQ(test.sent<Nack>().size(), 1u);
  EXPECT_EQ(test.sent<Nack>()[0].second.seq_no, 41u);
  test.receive({Ack{ping_of(test)}});
  EXPECT_EQ(test.sent<Ack>().size(), 1u) << "a late answer is better than none";
  test.run_for(200ms);
  test.receive({Ack{ping_of(test)}});
  EXPECT_EQ(test.sent<Ack>().size(), 1u);
}

TEST(RelaysTest, NackIsInTimeForEachProfilesProber) {
  for (const Profile& profile : {lan_profile(), wan_profile(), local_profile()}) {
    Options options = test_options();
    options.profile = profile;
    TestNode test(options);
    test.receive({request(true)});
    test.run_for(profile.probe_interval - profile.probe_timeout - 1ms);
    EXPECT_EQ(test.sent<Nack>().size(), 1u);
  }
}

TEST(RelaysTest, PingsTwiceWhereProbesDo) {
  Options options = test_options();
  options.profile = kith_profile();
  TestNode test(options);
  test.receive({request(true)});
  test.run_for(159ms);
  EXPECT_EQ(std::ranges::count_if(test.sent<Ping>(),
                                  [](const auto& sent) { return sent.first == address_number(5); }),
            2);
  EXPECT_TRUE(test.sent<Nack>().empty());
  test.run_for(1ms);
  EXPECT_EQ(test.sent<Nack>().size(), 1u);
}

TEST(RelaysTest, WithoutNacksInTimeTheWholeTimeoutPassesFirst) {
  Options options = test_options();
  options.nacks_in_time = false;
  TestNode test(options);
  test.receive({request(true)});
  test.run_for(499ms);
  EXPECT_TRUE(test.sent<Nack>().empty());
  test.run_for(1ms);
  EXPECT_EQ(test.sent<Nack>().size(), 1u);
}

TEST(RelaysTest, IsSilentWhenNobodyWantsToKnow) {
  TestNode test;
  test.receive({request(false)});
  test.run_for(1s);
  EXPECT_TRUE(test.sent<Nack>().empty());
}

TEST(RelaysTest, AnswersWhereThePacketCameFromWhenNoSourceIsNamed) {
  TestNode test;
  IndirectPing anonymous = request(false);
  anonymous.source_addr.clear();
  test.receive({anonymous});
  test.receive({Ack{ping_of(test)}});
  ASSERT_EQ(test.sent<Ack>().size(), 1u);
  EXPECT_EQ(test.sent<Ack>()[0].first, address_number(99));
}

TEST(RelaysTest, AreBounded) {
  TestNode test;
  for (int i = 0; i < 1000; ++i) test.receive({request(true)});
  EXPECT_EQ(test.sent<Ping>().size(), 256u);
  test.run_for(600ms);
  test.actions.clear();
  test.receive({request(true)});
  EXPECT_EQ(test.sent<Ping>().size(), 1u);
}

}  // namespace
}  // namespace kith::membership
