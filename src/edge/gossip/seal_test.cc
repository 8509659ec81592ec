// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/seal.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "edge/gossip/testing_kit.h"

namespace kith::edge::gossip {
namespace {

namespace wg = wire::gossip;

Speech speech(std::string label = {}, std::vector<wg::Key> keys = {}) {
  Speech made{.pool = {.label = std::move(label)}};
  for (const wg::Key& key : keys) EXPECT_TRUE(made.pool.keyring.add(key));
  return made;
}

std::string sealed(const Speech& by) {
  const std::vector<wg::DatagramMessage> messages = {wg::Ping{.seq_no = 1, .node = "a"}};
  return *seal_packet(messages, by, false);
}

std::string why_refused(const std::string& datagram, const Speech& by) {
  const auto packet = open_packet(datagram, by);
  return packet ? "it is not" : packet.error().message;
}

TEST(GossipSealTest, OneMessageGoesAloneAndSeveralTogether) {
  std::vector<wg::DatagramMessage> messages = {wg::Nack{1}};
  EXPECT_EQ(seal_packet(messages, speech(), false)->front(), '\x0b');
  messages.push_back(wg::Nack{2});
  EXPECT_EQ(seal_packet(messages, speech(), false)->front(), '\x07');
  EXPECT_EQ(open_packet(*seal_packet(messages, speech(), true), speech())->messages, messages);
}

TEST(GossipSealTest, NoTwoSealedPacketsAreAlike) {
  const Speech by = speech("", {kKey});
  std::set<std::string> datagrams;
  for (int i = 0; i < 1000; ++i) datagrams.insert(sealed(by).substr(0, 13));
  EXPECT_EQ(datagrams.size(), 1000u) << "the nonce is used again";
}

TEST(GossipSealTest, WhatIsTooLargeForADatagramIsRefused) {
  const std::vector<wg::DatagramMessage> messages = {wg::UserMessage{std::string(70'000, 'x')}};
  const auto packet = seal_packet(messages, speech(), false);
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().code, ErrorCode::too_large);
}

TEST(GossipSealTest, SaysWhyAPacketIsRefused) {
  EXPECT_EQ(why_refused(sealed(speech("one")), speech("two")),
            "gossip datagram of another pool, by its label");
  EXPECT_EQ(why_refused(sealed(speech("one")), speech()),
            "gossip datagram of another pool, by its label");
  EXPECT_EQ(why_refused(sealed(speech()), speech("", {kKey})),
            "gossip datagram that is not encrypted, where keys are configured");
  EXPECT_EQ(why_refused(sealed(speech("one")), speech("one", {kKey})),
            "gossip datagram that is not encrypted, where keys are configured");
  EXPECT_EQ(why_refused(sealed(speech("", {kOther})), speech("", {kKey})),
            "encrypted gossip that none of the keys opens");
  EXPECT_EQ(why_refused(sealed(speech("", {kKey})), speech("", {kOther, kKey})), "it is not");
}

}  // namespace
}  // namespace kith::edge::gossip
