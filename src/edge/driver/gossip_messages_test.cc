// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/gossip_messages.h"

#include <gtest/gtest.h>

#include <variant>

#include "core/membership/encoded_size.h"
#include "wire/gossip/codec.h"

namespace kith::edge {
namespace {

namespace m = membership;
namespace w = wire::gossip;

// One of each, no two fields alike.
const w::DatagramMessage kMessages[] = {
    w::Ping{1, "node", "addr", 2, "source"},
    w::IndirectPing{1, "trgt", 2, "node", true, "addr", 3, "source"},
    w::Ack{1, "payload"},
    w::Nack{1},
    w::Suspect{1, "node", "from"},
    w::Alive{1, "node", "addr", 2, "meta", w::Vsn{1, 2, 3, 4, 5, 6}},
    w::Alive{1, "node", "addr", 2, "meta", std::nullopt},
    w::Dead{1, "node", "from"},
    w::UserMessage{"payload"},
};

TEST(GossipMessagesTest, DatagramMessagesSurviveBothWays) {
  for (const w::DatagramMessage& message : kMessages) {
    EXPECT_TRUE(to_wire(from_wire(message)) == message) << w::name_of(message);
  }
}

TEST(GossipMessagesTest, TheMembershipKnowsHowLongTheirBytesWillBe) {
  for (const w::DatagramMessage& message : kMessages) {
    // Absent versions are written as zeros by nobody: the membership refuses them.
    const auto* alive = std::get_if<w::Alive>(&message);
    if (alive != nullptr && !alive->vsn) continue;
    std::string bytes;
    w::encode_datagram_message(message, bytes);
    EXPECT_EQ(m::encoded_size(from_wire(message)), bytes.size()) << w::name_of(message);
  }
}

TEST(GossipMessagesTest, StreamMessagesSurviveBothWays) {
  const w::PushPull everything{
      true,
      {{"a", "addr", 1, "meta", 2, w::NodeStatus::left, w::Vsn{1, 2, 3, 4, 5, 6}},
       {"b", "addr", 3, "", 4, w::NodeStatus::suspect, std::nullopt}},
      "state"};
  for (const w::StreamMessage& message :
       {w::StreamMessage(w::Ping{1, "node", "addr", 2, "source"}), w::StreamMessage(w::Ack{1, "p"}),
        w::StreamMessage(everything), w::StreamMessage(w::UserMessage{"payload"})}) {
    const auto there = from_wire(message);
    ASSERT_TRUE(there) << w::name_of(message);
    EXPECT_TRUE(to_wire(*there) == message) << w::name_of(message);
  }
}

TEST(GossipMessagesTest, StatesOfLaterVersionsAreLeftOut) {
  w::PushPull later;
  later.nodes.push_back({.name = "a", .status = w::NodeStatus::unknown});
  later.nodes.push_back({.name = "b", .status = w::NodeStatus::dead});
  const auto there = std::get<m::PushPull>(*from_wire(later));
  ASSERT_EQ(there.nodes.size(), 1u);
  EXPECT_EQ(there.nodes[0].name, "b");
}

TEST(GossipMessagesTest, AnErrorIsNothingToTheMembership) {
  EXPECT_FALSE(from_wire(w::ErrorMessage{"no key"}));
}

}  // namespace
}  // namespace kith::edge
