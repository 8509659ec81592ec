// SPDX-License-Identifier: Apache-2.0
//
// What memberlist writes is read, and what is written is what memberlist writes, byte for byte.
#include "wire/gossip/golden.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/gossip/checksum.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compound.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/golden_pool.h"
#include "wire/gossip/packet.h"
#include "wire/gossip/stream.h"

namespace kith::wire::gossip {
namespace {

using golden::encoded_stream;
using golden::hex;
using golden::keyed;
using golden::kNonce;
using golden::unhex;

const std::string kAddrA("\x7f\0\0\x0b", 4);
const std::string kAddrP1("\x7f\0\0\x15", 4);
constexpr std::uint16_t kPort = 17946;
constexpr Vsn kVsn = {};

Alive alive(std::string node, std::string addr) {
  return {.incarnation = 1,
          .node = std::move(node),
          .addr = std::move(addr),
          .port = kPort,
          .vsn = kVsn};
}

NodeState state(std::string name, std::string addr, std::string meta = {}) {
  return {.name = std::move(name),
          .addr = std::move(addr),
          .port = kPort,
          .meta = std::move(meta),
          .incarnation = 1,
          .vsn = kVsn};
}

Ping ping_from_a(std::uint32_t seq_no) {
  return {.seq_no = seq_no,
          .node = "p1",
          .source_addr = kAddrA,
          .source_port = kPort,
          .source_node = "a"};
}

std::string encoded(const DatagramMessage& message) {
  std::string out;
  encode_datagram_message(message, out);
  return out;
}

// The messages of a datagram that must be right in all its parts.
std::vector<DatagramMessage> messages_of(std::string_view digits, const PoolSettings& pool = {}) {
  const auto packet = decode_packet(unhex(digits), pool);
  if (!packet) {
    ADD_FAILURE() << packet.error();
    return {};
  }
  EXPECT_EQ(packet->dropped, 0u);
  return packet->messages;
}

// What one side of a connection says, as a whole.
Result<std::optional<StreamMessage>> said(std::string_view digits, Speaker speaker,
                                          const PoolSettings& pool = {}) {
  return StreamReader(pool, speaker).feed(unhex(digits));
}

TEST(GossipGolden, DatagramMessagesInBothDirections) {
  const std::vector<std::pair<std::string_view, DatagramMessage>> table = {
      {golden::kPing, ping_from_a(1)},
      {golden::kPingMinimal, Ping{.seq_no = 7, .node = "a"}},
      {golden::kIndirectPing, IndirectPing{.seq_no = 3,
                                           .target = kAddrP1,
                                           .port = kPort,
                                           .node = "p1",
                                           .nack = true,
                                           .source_addr = kAddrA,
                                           .source_port = kPort,
                                           .source_node = "a"}},
      {golden::kAck, Ack{.seq_no = 7}},
      {golden::kAckPayload, Ack{.seq_no = 7, .payload = "PP"}},
      {golden::kNack, Nack{.seq_no = 901}},
      {golden::kSuspect, Suspect{.incarnation = 1, .node = "p1", .from = "a"}},
      {golden::kDead, Dead{.incarnation = 1, .node = "p1", .from = "a"}},
      {golden::kLeave, Dead{.incarnation = 1, .node = "a", .from = "a"}},
      {golden::kAlive, alive("p1", kAddrP1)},
  };
  for (const auto& [digits, message] : table) {
    SCOPED_TRACE(digits);
    const auto read = decode_datagram_message(unhex(digits));
    ASSERT_TRUE(read) << read.error();
    EXPECT_TRUE(*read == message);
    EXPECT_EQ(hex(encoded(message)), digits);
    const std::vector<DatagramMessage> alone = messages_of(digits);
    ASSERT_EQ(alone.size(), 1u);
    EXPECT_TRUE(alone[0] == message);
  }
}

TEST(GossipGolden, StreamMessagesInBothDirections) {
  const std::vector<std::pair<std::string_view, StreamMessage>> table = {
      {golden::kPushPullRequest, PushPull{.join = true, .nodes = {state("p1", kAddrP1)}}},
      {golden::kPushPullReply, PushPull{.join = true, .nodes = {state("a", kAddrA)}}},
      {golden::kPushPullState,
       PushPull{.join = true, .nodes = {state("a", kAddrA, "m1")}, .user_state = "hello-state"}},
      {golden::kUserStream, UserMessage{"hello-tcp"}},
      {golden::kError, ErrorMessage{"remote state is encrypted and encryption is not configured"}},
      {golden::kAck, Ack{.seq_no = 7}},
      {golden::kPing, ping_from_a(1)},
  };
  for (const auto& [digits, message] : table) {
    SCOPED_TRACE(digits);
    const auto read = said(digits, Speaker::acceptor);
    ASSERT_TRUE(read) << read.error();
    ASSERT_TRUE(*read);
    EXPECT_TRUE(**read == message);
    EXPECT_EQ(hex(encoded_stream(message)), digits);
  }
}

TEST(GossipGolden, DatagramsWithChecksumAndCompound) {
  const std::vector<std::pair<std::string_view, std::vector<DatagramMessage>>> table = {
      {golden::kCompoundCrc, {alive("p1", kAddrP1), alive("a", kAddrA)}},
      {golden::kPingSuspectCrc,
       {ping_from_a(6), Suspect{.incarnation = 1, .node = "p1", .from = "a"}}},
      {golden::kUserCrc, {UserMessage{"hello-user"}}},
      {golden::kSerfEventCrc,
       {UserMessage{
           unhex("0384a24343c2a54c54696d6501a44e616d65a66465706c6f79a75061796c6f6164a2706c")}}},
  };
  for (const auto& [digits, messages] : table) {
    SCOPED_TRACE(digits);
    EXPECT_TRUE(messages_of(digits) == messages);
    std::vector<std::string> parts;
    for (const DatagramMessage& message : messages) parts.push_back(encoded(message));
    const auto packet = encode_packet(parts.size() == 1 ? parts[0] : make_compound(parts), {},
                                      {.crc = true}, kNonce);
    ASSERT_TRUE(packet);
    EXPECT_EQ(hex(*packet), digits);
  }
}

TEST(GossipGolden, CompressedInBothDirections) {
  const UserMessage as{std::string(64, 'A')};
  EXPECT_TRUE(messages_of(golden::kCompressedUserCrc) == std::vector<DatagramMessage>{as});
  const auto packet = encode_packet(encoded(as), {}, {.crc = true, .compress = true}, kNonce);
  ASSERT_TRUE(packet);
  EXPECT_EQ(hex(*packet), golden::kCompressedUserCrc);

  const Ping ping{.seq_no = 7, .node = "a"};
  EXPECT_TRUE(messages_of(golden::kCompressedPing) == std::vector<DatagramMessage>{ping});
  EXPECT_EQ(hex(compress_message(encoded(ping))), golden::kCompressedPing);

  const std::vector<std::pair<std::string_view, StreamMessage>> streams = {
      {golden::kCompressedUserStream, UserMessage{"hello-tcp"}},
      {golden::kCompressedPushPullReply, PushPull{.join = true, .nodes = {state("a", kAddrA)}}},
  };
  for (const auto& [digits, message] : streams) {
    SCOPED_TRACE(digits);
    const auto read = said(digits, Speaker::acceptor);
    ASSERT_TRUE(read) << read.error();
    ASSERT_TRUE(*read);
    EXPECT_TRUE(**read == message);
    const auto written =
        encode_stream(encoded_stream(message), {}, Speaker::acceptor, true, kNonce);
    ASSERT_TRUE(written);
    EXPECT_EQ(hex(*written), digits);
  }
}

TEST(GossipGolden, LabelledDatagram) {
  const PoolSettings pool{.label = std::string(golden::kLabel)};
  const std::vector<DatagramMessage> ack = {Ack{.seq_no = 7}};
  EXPECT_TRUE(messages_of(golden::kLabelledAck, pool) == ack);
  const auto packet = encode_packet(encoded(ack[0]), pool, {}, kNonce);
  ASSERT_TRUE(packet);
  EXPECT_EQ(hex(*packet), golden::kLabelledAck);
}

TEST(GossipGolden, EncryptedDatagramsInBothDirections) {
  PoolSettings padded = keyed();
  padded.encryption_version = EncryptionVersion::padded;
  const std::vector<std::pair<std::string_view, PoolSettings>> table = {
      {golden::kOursEncrypted, keyed()},
      {golden::kOursEncryptedPadded, padded},
      {golden::kOursEncryptedLabelled, keyed(std::string(golden::kLabel))},
  };
  const std::vector<DatagramMessage> ping = {Ping{.seq_no = 7, .node = "a"}};
  for (const auto& [digits, pool] : table) {
    SCOPED_TRACE(digits);
    EXPECT_TRUE(messages_of(digits, pool) == ping);
    const auto packet = encode_packet(encoded(ping[0]), pool, {}, kNonce);
    ASSERT_TRUE(packet);
    EXPECT_EQ(hex(*packet), digits);
  }
}

TEST(GossipGolden, DatagramsThatMemberlistEncrypted) {
  const std::vector<DatagramMessage> ack = {Ack{.seq_no = 7}};
  EXPECT_TRUE(messages_of(golden::kEncryptedAck, keyed()) == ack);
  EXPECT_TRUE(messages_of(golden::kEncryptedAckLabelled, keyed(std::string(golden::kLabel))) ==
              ack);
}

TEST(GossipGolden, EncryptedStreamsInBothDirections) {
  const StreamMessage ping = Ping{.seq_no = 77, .node = "a"};
  for (const auto& [digits, pool] :
       {std::pair(golden::kOursEncryptedStream, keyed()),
        std::pair(golden::kOursEncryptedStreamLabelled, keyed(std::string(golden::kLabel)))}) {
    SCOPED_TRACE(digits);
    const auto read = said(digits, Speaker::dialler, pool);
    ASSERT_TRUE(read) << read.error();
    ASSERT_TRUE(*read);
    EXPECT_TRUE(**read == ping);
    const auto written = encode_stream(encoded_stream(ping), pool, Speaker::dialler, false, kNonce);
    ASSERT_TRUE(written);
    EXPECT_EQ(hex(*written), digits);
  }
}

TEST(GossipGolden, StreamThatMemberlistEncrypted) {
  const auto read = said(golden::kEncryptedUserStream, Speaker::dialler, keyed());
  ASSERT_TRUE(read) << read.error();
  ASSERT_TRUE(*read);
  EXPECT_TRUE(**read == StreamMessage(UserMessage{"hello-tcp"}));
}

}  // namespace
}  // namespace kith::wire::gossip
