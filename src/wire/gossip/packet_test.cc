// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/gossip/big_endian.h"
#include "wire/gossip/checksum.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compound.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/golden.h"
#include "wire/gossip/golden_pool.h"
#include "wire/gossip/lzw.h"
#include "wire/gossip/msgpack.h"
#include "wire/gossip/random_messages.h"

namespace kith::wire::gossip {
namespace {

using golden::keyed;
using golden::kNonce;
using golden::unhex;
using ::testing::HasSubstr;

const std::string kAck = unhex(golden::kAck);
const DatagramMessage kAckMessage = Ack{.seq_no = 7};

// As make_compound, but without its requirements.
std::string any_compound(const std::vector<std::string>& parts) {
  std::string out = "\x07";
  out.push_back(static_cast<char>(parts.size()));
  for (const std::string& part : parts) put_big_endian(part.size(), 2, out);
  for (const std::string& part : parts) out += part;
  return out;
}

std::string compressed(std::string_view lzw) {
  std::string out = "\x09";
  put_map(2, out);
  put_raw("Algo", out);
  put_unsigned(0, out);
  put_raw("Buf", out);
  put_raw(lzw, out);
  return out;
}

Packet packet_of(std::string_view datagram) {
  auto packet = decode_packet(datagram, {});
  if (!packet) {
    ADD_FAILURE() << packet.error();
    return {};
  }
  return std::move(*packet);
}

// ---- Round trips ----

RC_GTEST_PROP(GossipPacket, ReadsBackAnythingItWrote, ()) {
  PoolSettings pool;
  if (any<bool>()) pool.label = *rc::gen::element<std::string>("l", std::string(255, 'x'));
  if (any<bool>()) RC_ASSERT(pool.keyring.add(*Key::create(golden::kGoldenKey)));
  if (any<bool>()) pool.encryption_version = EncryptionVersion::padded;
  const PacketOptions options{.crc = any<bool>(), .compress = any<bool>()};

  std::vector<DatagramMessage> messages;
  std::vector<std::string> parts;
  for (int left = *rc::gen::inRange(1, 6); left > 0; --left) {
    messages.push_back(any_datagram_message());
    encode_datagram_message(messages.back(), parts.emplace_back());
  }
  const std::string contents = parts.size() == 1 ? parts[0] : make_compound(parts);
  const auto datagram = encode_packet(contents, pool, options, kNonce);
  RC_ASSERT(datagram.has_value());
  const std::size_t padding = pool.encryption_version == EncryptionVersion::padded ? 15 : 0;
  RC_ASSERT(datagram->size() <= contents.size() + packet_overhead(pool) + padding + kCrcBytes);
  const auto packet = decode_packet(*datagram, pool);
  RC_ASSERT(packet.has_value());
  RC_ASSERT(packet->dropped == 0u);
  RC_ASSERT(!packet->fault);
  RC_ASSERT(packet->messages == messages);
}

TEST(GossipPacket, CompressesOnlyWhatBecomesSmaller) {
  EXPECT_EQ(*encode_packet(kAck, {}, {.compress = true}, kNonce), kAck);
  std::string user;
  encode_datagram_message(UserMessage{std::string(500, 'A')}, user);
  EXPECT_LT(encode_packet(user, {}, {.compress = true}, kNonce)->size(), user.size() / 2);
}

// ---- The label ----

TEST(GossipPacket, AnotherLabelIsRefused) {
  const std::string labelled = unhex(golden::kLabelledAck);
  const PoolSettings ours{.label = "lbl"};
  EXPECT_TRUE(decode_packet(labelled, ours));
  for (const auto& read : {decode_packet(labelled, {}), decode_packet(kAck, ours),
                           decode_packet(labelled, {.label = "lb"})}) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::failed_precondition);
    EXPECT_THAT(read.error().message, HasSubstr("label"));
  }
}

TEST(GossipPacket, DamagedLabelsAreRefused) {
  for (const std::string_view digits : {"f4", "f400", "f40002", "f4036c62", "f4ff6c626c"}) {
    const auto read = decode_packet(unhex(digits), {.label = "lbl"});
    ASSERT_FALSE(read) << digits;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument) << digits;
  }
}

TEST(GossipPacket, WithoutTheLabelCheckLabelsAreRefusedAndOursIsAssumed) {
  PoolSettings sender = keyed("lbl");
  const std::string labelled = *encode_packet(kAck, sender, {}, kNonce);
  PoolSettings receiver = sender;
  receiver.skip_inbound_label_check = true;
  EXPECT_FALSE(decode_packet(labelled, receiver));
  const auto read = decode_packet(std::string_view(labelled).substr(label_bytes("lbl")), receiver);
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(read->messages == std::vector{kAckMessage});
}

// ---- The encryption ----

TEST(GossipPacket, WithKeysPlaintextIsRefused) { EXPECT_FALSE(decode_packet(kAck, keyed())); }

TEST(GossipPacket, WithoutVerificationPlaintextIsAcceptedToo) {
  PoolSettings pool = keyed();
  pool.verify_incoming = false;
  EXPECT_EQ(decode_packet(kAck, pool)->messages.size(), 1u);
  EXPECT_EQ(decode_packet(unhex(golden::kEncryptedAck), pool)->messages.size(), 1u);
}

TEST(GossipPacket, WithVerificationOfOutgoingOffPlaintextIsSent) {
  PoolSettings pool = keyed();
  pool.verify_outgoing = false;
  EXPECT_EQ(*encode_packet(kAck, pool, {}, kNonce), kAck);
  EXPECT_EQ(packet_overhead(pool), 0u);
}

TEST(GossipPacket, KnowsItsOverhead) {
  EXPECT_EQ(packet_overhead({}), 0u);
  EXPECT_EQ(packet_overhead({.label = "lbl"}), 5u);
  PoolSettings pool = keyed("lbl");
  EXPECT_EQ(packet_overhead(pool), 5u + 29u);
  pool.encryption_version = EncryptionVersion::padded;
  EXPECT_EQ(packet_overhead(pool), 5u + 45u);
}

// ---- The checksum ----

TEST(GossipPacket, AWrongChecksumIsRefused) {
  std::string datagram = with_crc(kAck);
  for (const std::size_t at : {std::size_t{1}, std::size_t{4}, datagram.size() - 1}) {
    std::string damaged = datagram;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto read = decode_packet(damaged, {});
    ASSERT_FALSE(read) << at;
    EXPECT_THAT(read.error().message, HasSubstr("checksum"));
  }
}

TEST(GossipPacket, ChecksumsAreThoseOfZlib) {
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
}

// Envelopes that belong outside have no meaning inside.
TEST(GossipPacket, OuterEnvelopesInsideAreDropped) {
  const std::string inner[] = {with_crc(kAck), unhex(golden::kLabelledAck),
                               unhex(golden::kOursEncryptedStream)};
  for (const std::string& part : inner) {
    const Packet packet = packet_of(any_compound({kAck, part, kAck}));
    EXPECT_TRUE(packet.messages == (std::vector{kAckMessage, kAckMessage}));
    EXPECT_EQ(packet.dropped, 1u);
    ASSERT_TRUE(packet.fault);
    EXPECT_EQ(packet.fault->code, ErrorCode::unimplemented);
  }
  EXPECT_TRUE(packet_of(with_crc(with_crc(kAck))).messages.empty());
}

// ---- Compounds ----

TEST(GossipPacket, ReadsCompoundsOfEverySize) {
  for (const std::size_t count : {0u, 1u, 127u, 128u, 255u}) {
    const Packet packet = packet_of(any_compound(std::vector(count, kAck)));
    EXPECT_EQ(packet.messages.size(), count);
    EXPECT_EQ(packet.dropped, 0u);
  }
}

TEST(GossipPacket, PartsThatAreThereCountInACompoundThatEndsEarly) {
  const std::string whole = any_compound(std::vector<std::string>(3, kAck));
  const std::size_t bodies = 2 + 3 * 2;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Packet packet = packet_of(std::string_view(whole).substr(0, size));
    const std::size_t there = size < bodies ? 0 : (size - bodies) / kAck.size();
    EXPECT_EQ(packet.messages.size(), there) << size;
    EXPECT_EQ(packet.dropped, size < bodies ? 1 : 3 - there) << size;
    EXPECT_TRUE(packet.fault) << size;
  }
}

TEST(GossipPacket, APartThatCannotBeReadLosesNoOther) {
  for (const std::string& bad : {std::string(), std::string("\x63\x80", 2), std::string("\x02\xc1"),
                                 std::string("\x07"), std::string("\x09\x80", 2)}) {
    const Packet packet = packet_of(any_compound({kAck, bad, kAck}));
    EXPECT_TRUE(packet.messages == (std::vector{kAckMessage, kAckMessage}));
    EXPECT_EQ(packet.dropped, 1u);
    EXPECT_TRUE(packet.fault);
  }
}

TEST(GossipPacket, CompoundsAndCompressionNest) {
  const std::string inner = any_compound({kAck, compress_message(kAck)});
  const Packet packet = packet_of(compress_message(any_compound({inner, kAck})));
  EXPECT_EQ(packet.messages.size(), 3u);
  EXPECT_EQ(packet.dropped, 0u);
}

// ---- Bounds ----

TEST(GossipPacket, NestingHasABound) {
  std::string in_compounds = kAck;
  std::string in_compressions = kAck;
  for (int depth = 1; depth <= kMaxPacketDepth + 1; ++depth) {
    in_compounds = any_compound({in_compounds});
    in_compressions = compress_message(in_compressions);
    const std::size_t expected = depth <= kMaxPacketDepth ? 1 : 0;
    EXPECT_EQ(packet_of(in_compounds).messages.size(), expected) << depth;
    EXPECT_EQ(packet_of(in_compressions).messages.size(), expected) << depth;
  }
  EXPECT_EQ(packet_of(in_compounds).fault->code, ErrorCode::too_large);
}

TEST(GossipPacket, TheNumberOfMessagesHasABound) {
  const std::string many = any_compound(std::vector<std::string>(255, std::string("\x0b\x80", 2)));
  const Packet packet =
      packet_of(compress_message(any_compound({many, many, many, many, many, many})));
  EXPECT_EQ(packet.messages.size(), kMaxPacketMessages);
  EXPECT_GT(packet.dropped, 0u);
  EXPECT_EQ(packet.fault->code, ErrorCode::too_large);
}

TEST(GossipPacket, TheDecompressedSizeHasABound) {
  const auto user = [](std::size_t bytes) {
    std::string out;
    encode_datagram_message(UserMessage{std::string(bytes - 1, 'A')}, out);
    return compress_message(out);
  };
  EXPECT_EQ(packet_of(user(kMaxUnpackedBytes)).messages.size(), 1u);
  const Packet over = packet_of(user(kMaxUnpackedBytes + 1));
  EXPECT_TRUE(over.messages.empty());
  EXPECT_EQ(over.fault->code, ErrorCode::too_large);
}

// Else a datagram of many compressed parts could cost many times the bound.
TEST(GossipPacket, TheDecompressedSizeIsBoundedInAll) {
  std::string user;
  encode_datagram_message(UserMessage{std::string(kMaxUnpackedBytes * 2 / 3, 'A')}, user);
  const Packet twice =
      packet_of(any_compound({compress_message(user), compress_message(user), kAck}));
  EXPECT_EQ(twice.messages.size(), 2u);
  EXPECT_EQ(twice.dropped, 1u);
  // One that fails may have cost everything.
  const std::string failing = compressed(lzw_compress(user).substr(0, 1000));
  const Packet after = packet_of(any_compound({failing, compress_message(kAck), kAck}));
  EXPECT_EQ(after.messages.size(), 1u);
  EXPECT_EQ(after.dropped, 2u);
}

TEST(GossipPacket, EmptyAndStrangeCompressionsAreDropped) {
  std::string unknown_algorithm = "\x09";
  unknown_algorithm += unhex("82a4416c676f01a3427566a400010404");
  for (const auto& [datagram, code] :
       {std::pair(compressed(lzw_compress("")), ErrorCode::invalid_argument),
        {compressed(""), ErrorCode::invalid_argument},
        {unknown_algorithm, ErrorCode::unimplemented},
        {std::string("\x09\x82"), ErrorCode::invalid_argument}}) {
    const Packet packet = packet_of(datagram);
    EXPECT_TRUE(packet.messages.empty());
    ASSERT_TRUE(packet.fault);
    EXPECT_EQ(packet.fault->code, code) << packet.fault->message;
  }
}

TEST(GossipPacket, NoBytesAreRefused) {
  EXPECT_FALSE(decode_packet("", {}));
  EXPECT_FALSE(decode_packet("", keyed()));
  EXPECT_EQ(packet_of(with_crc("")).dropped, 1u);
}

}  // namespace
}  // namespace kith::wire::gossip
