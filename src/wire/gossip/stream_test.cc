// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "wire/gossip/big_endian.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/golden.h"
#include "wire/gossip/golden_pool.h"
#include "wire/gossip/lzw.h"
#include "wire/gossip/random_messages.h"
#include "wire/gossip/struct_codec.h"

namespace kith::wire::gossip {
namespace {

using golden::encoded_stream;
using golden::keyed;
using golden::kNonce;
using golden::unhex;
using ::testing::HasSubstr;

// What became of a side's words, and whether memberlist would answer that with an ErrorMessage.
struct Heard {
  Result<std::optional<StreamMessage>> message;
  bool is_answered;
};

Heard hear(std::string_view bytes, const PoolSettings& pool = {},
           Speaker speaker = Speaker::dialler, const StreamLimits& limits = {}) {
  StreamReader reader(pool, speaker, limits);
  auto message = reader.feed(bytes);
  return {std::move(message), reader.is_answered()};
}

// ---- Round trips ----

RC_GTEST_PROP(GossipStream, ReadsBackAnythingItWroteInWhateverPieces, ()) {
  PoolSettings pool;
  if (any<bool>()) pool.label = *rc::gen::element<std::string>("l", std::string(255, 'x'));
  if (any<bool>()) RC_ASSERT(pool.keyring.add(*Key::create(golden::kGoldenKey)));
  if (any<bool>()) pool.encryption_version = EncryptionVersion::padded;
  const Speaker speaker = any<bool>() ? Speaker::dialler : Speaker::acceptor;
  const StreamMessage message = any_stream_message();
  const auto bytes = encode_stream(encoded_stream(message), pool, speaker, any<bool>(), kNonce);
  RC_ASSERT(bytes.has_value());

  StreamReader reader(pool, speaker);
  std::string_view rest = *bytes;
  while (true) {
    const auto size =
        *rc::gen::inRange<std::size_t>(1, std::min<std::size_t>(rest.size(), 200) + 1);
    const auto read = reader.feed(rest.substr(0, size));
    rest.remove_prefix(size);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->has_value() == rest.empty());
    if (!*read) continue;
    RC_ASSERT(**read == message);
    break;
  }
}

TEST(GossipStream, IsReadByteByByte) {
  for (const auto& [digits, pool] : {std::pair(golden::kPushPullState, PoolSettings{}),
                                     {golden::kCompressedPushPullReply, PoolSettings{}},
                                     {golden::kUserStream, PoolSettings{}},
                                     {golden::kEncryptedUserStream, keyed()},
                                     {golden::kOursEncryptedStreamLabelled, keyed("lbl")}}) {
    const std::string bytes = unhex(digits);
    StreamReader reader(pool, Speaker::dialler);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto read = reader.feed(bytes.substr(i, 1));
      ASSERT_TRUE(read) << read.error();
      ASSERT_EQ(read->has_value(), i + 1 == bytes.size()) << digits << ' ' << i;
    }
  }
}

TEST(GossipStream, IgnoresWhatFollowsTheMessage) {
  for (const std::string_view digits :
       {golden::kPushPullState, golden::kAck, golden::kUserStream, golden::kCompressedUserStream}) {
    const Heard heard = hear(unhex(digits) + "more");
    ASSERT_TRUE(heard.message);
    EXPECT_TRUE(*heard.message);
  }
  const Heard heard = hear(unhex(golden::kEncryptedUserStream) + "more", keyed());
  ASSERT_TRUE(heard.message);
  EXPECT_TRUE(*heard.message);
}

TEST(GossipStream, CompressesWhenAskedEvenIfLonger) {
  const std::string ping = encoded_stream(Ping{.seq_no = 7, .node = "a"});
  EXPECT_EQ(golden::hex(*encode_stream(ping, {}, Speaker::dialler, true, kNonce)),
            golden::kCompressedPing);
}

// ---- The label ----

TEST(GossipStream, OnlyTheDiallerSaysTheLabel) {
  const PoolSettings pool{.label = "lbl"};
  const std::string ack = unhex(golden::kAck);
  EXPECT_EQ(*encode_stream(ack, pool, Speaker::acceptor, false, kNonce), ack);
  EXPECT_EQ(*encode_stream(ack, pool, Speaker::dialler, false, kNonce),
            unhex(golden::kLabelledAck));
  EXPECT_TRUE(hear(ack, pool, Speaker::acceptor).message);
  EXPECT_TRUE(hear(unhex(golden::kLabelledAck), pool, Speaker::dialler).message);
  EXPECT_FALSE(hear(unhex(golden::kLabelledAck), pool, Speaker::acceptor).message);
}

TEST(GossipStream, AnotherLabelIsRefusedWithoutAnAnswer) {
  const std::string labelled = unhex(golden::kLabelledAck);
  for (const Heard& heard : {hear(labelled), hear(labelled, {.label = "lb"}),
                             hear(unhex(golden::kAck), {.label = "lbl"})}) {
    ASSERT_FALSE(heard.message);
    EXPECT_EQ(heard.message.error().code, ErrorCode::failed_precondition);
    EXPECT_FALSE(heard.is_answered);
  }
  EXPECT_FALSE(hear(unhex("f400"), {.label = "lbl"}).message);
}

TEST(GossipStream, WithoutTheLabelCheckLabelsAreRefusedAndOursIsAssumed) {
  PoolSettings pool = keyed("lbl");
  const std::string labelled = unhex(golden::kOursEncryptedStreamLabelled);
  pool.skip_inbound_label_check = true;
  EXPECT_FALSE(hear(labelled, pool).message);
  const Heard heard = hear(labelled.substr(label_bytes("lbl")), pool);
  ASSERT_TRUE(heard.message) << heard.message.error();
  EXPECT_TRUE(*heard.message);
}

// ---- The encryption ----

TEST(GossipStream, MismatchesOfEncryptionAreAnswered) {
  const Heard plain = hear(unhex(golden::kUserStream), keyed());
  ASSERT_FALSE(plain.message);
  EXPECT_EQ(plain.message.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(plain.is_answered);
  const Heard encrypted = hear(unhex(golden::kEncryptedUserStream));
  ASSERT_FALSE(encrypted.message);
  EXPECT_EQ(encrypted.message.error().code, ErrorCode::failed_precondition);
  EXPECT_TRUE(encrypted.is_answered);
}

TEST(GossipStream, WithoutVerificationBothAreAccepted) {
  PoolSettings pool = keyed();
  pool.verify_incoming = false;
  EXPECT_TRUE(hear(unhex(golden::kUserStream), pool).message);
  EXPECT_TRUE(hear(unhex(golden::kEncryptedUserStream), pool).message);
}

TEST(GossipStream, ADamagedFrameIsAnswered) {
  const std::string frame = unhex(golden::kEncryptedUserStream);
  // The length is authenticated with the rest; a longer one waits for bytes that never come.
  for (std::size_t at = 5; at < frame.size(); ++at) {
    std::string damaged = frame;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const Heard heard = hear(damaged, keyed());
    ASSERT_FALSE(heard.message) << at;
    EXPECT_TRUE(heard.is_answered) << at;
  }
  std::string shorter = frame;
  shorter[4] = static_cast<char>(shorter[4] - 1);
  EXPECT_FALSE(hear(shorter, keyed()).message);
}

TEST(GossipStream, ALongFrameIsRefusedByItsHeader) {
  std::string header = "\x0a";
  put_big_endian(kMaxEnvelopeBytes + 1, 4, header);
  const Heard heard = hear(header, keyed());
  ASSERT_FALSE(heard.message);
  EXPECT_EQ(heard.message.error().code, ErrorCode::too_large);
  EXPECT_FALSE(hear(unhex("0a00000000"), keyed()).message);
}

// What was encrypted has an end; a message that goes on after it is wrong.
TEST(GossipStream, AMessageCutInsideItsEnvelopeIsRefused) {
  const std::string message = unhex(golden::kPushPullState);
  for (std::size_t size = 1; size < message.size(); size += 3) {
    for (const bool compress : {false, true}) {
      const auto bytes =
          encode_stream(message.substr(0, size), keyed(), Speaker::dialler, compress, kNonce);
      const Heard heard = hear(*bytes, keyed());
      ASSERT_FALSE(heard.message) << size;
      EXPECT_THAT(heard.message.error().message, HasSubstr("ends early"));
    }
  }
}

// ---- The compression ----

TEST(GossipStream, DamagedAndEmptyCompressionsAreAnswered) {
  std::string empty = "\x09";
  write_struct(Compressed{.buffer = lzw_compress("")}, empty);
  std::string cut = "\x09";
  write_struct(Compressed{.buffer = lzw_compress("some text").substr(0, 5)}, cut);
  for (const std::string& bytes : {empty, cut}) {
    const Heard heard = hear(bytes);
    ASSERT_FALSE(heard.message);
    EXPECT_TRUE(heard.is_answered);
  }
}

TEST(GossipStream, CompressionsDoNotNest) {
  const std::string once = compress_message(unhex(golden::kAck));
  EXPECT_TRUE(hear(once).message);
  EXPECT_FALSE(hear(compress_message(once)).message);
}

// ---- Messages ----

TEST(GossipStream, TypesThatConnectionsDoNotHaveAreUnimplemented) {
  for (const int type : {1, 3, 4, 5, 7, 11, 12, 14, 200, 244, 255}) {
    const Heard heard =
        hear(std::string(1, static_cast<char>(type)) + '\x80', {}, Speaker::acceptor);
    ASSERT_FALSE(heard.message) << type;
    EXPECT_EQ(heard.message.error().code, ErrorCode::unimplemented) << type;
    EXPECT_FALSE(heard.is_answered) << type;
  }
}

std::string push_pull_header(std::string_view nodes, std::string_view state_bytes) {
  return unhex("0683a44a6f696ec2a54e6f646573") + unhex(nodes) +
         unhex("ac5573657253746174654c656e") + unhex(state_bytes);
}

TEST(GossipStream, NegativeAndExcessiveCountsAreRefusedByTheHeader) {
  const std::vector<std::pair<std::string, ErrorCode>> table = {
      {push_pull_header("ff", "00"), ErrorCode::invalid_argument},
      {push_pull_header("00", "d280000000"), ErrorCode::invalid_argument},
      {push_pull_header("cfffffffffffffffff", "00"), ErrorCode::invalid_argument},
      {push_pull_header("d27fffffff", "00"), ErrorCode::too_large},
      {push_pull_header("ce00020001", "00"), ErrorCode::too_large},
      {push_pull_header("00", "ce01400001"), ErrorCode::too_large},
      {unhex("0881aa557365724d73674c656eff"), ErrorCode::invalid_argument},
      {unhex("0881aa557365724d73674c656ece01400001"), ErrorCode::too_large},
  };
  for (const auto& [bytes, code] : table) {
    const Heard heard = hear(bytes);
    ASSERT_FALSE(heard.message) << golden::hex(bytes);
    EXPECT_EQ(heard.message.error().code, code) << heard.message.error();
    EXPECT_FALSE(heard.is_answered);
  }
}

TEST(GossipStream, AllowedCountsAreWaitedFor) {
  for (const std::string& bytes :
       {push_pull_header("ce00020000", "00"), push_pull_header("00", "ce01400000"),
        unhex("0881aa557365724d73674c656ece01400000")}) {
    const Heard heard = hear(bytes);
    ASSERT_TRUE(heard.message) << heard.message.error();
    EXPECT_FALSE(*heard.message);
  }
}

TEST(GossipStream, BytesBeforeAMessageIsWholeAreBounded) {
  const StreamLimits limits{.message_bytes = 1000};
  const PoolSettings pool;
  StreamReader reader(pool, Speaker::dialler, limits);
  ASSERT_TRUE(reader.feed(push_pull_header("05", "00") + unhex("81a44d657461da1000")));
  ASSERT_TRUE(reader.feed(std::string(900, 'x')));
  const auto read = reader.feed(std::string(100, 'x'));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::too_large);
}

TEST(GossipStream, WhatIsDecompressedIsBounded) {
  const std::string user = encoded_stream(UserMessage{std::string(100'000, 'A')});
  const StreamLimits limits{.message_bytes = 50'000};
  const Heard heard = hear(compress_message(user), {}, Speaker::dialler, limits);
  ASSERT_FALSE(heard.message);
  EXPECT_EQ(heard.message.error().code, ErrorCode::too_large);
  EXPECT_TRUE(hear(compress_message(user)).message);
}

TEST(GossipStream, APushPullWithABadRecordIsRefused) {
  std::string bytes = push_pull_header("02", "00") + unhex("80");
  EXPECT_FALSE(hear(bytes + unhex("81a4506f7274ff")).message);
  EXPECT_FALSE(hear(bytes + unhex("a161")).message);
  EXPECT_TRUE(hear(bytes + unhex("c0")).message);
}

TEST(GossipStream, LargePushPullsAreReadInPieces) {
  PushPull message{.join = true, .user_state = std::string(100'000, 's')};
  for (int i = 0; i < 2'000; ++i) {
    message.nodes.push_back({.name = "node-" + std::to_string(i),
                             .addr = "\1\2\3\4",
                             .port = 7946,
                             .meta = std::string(100, 'm'),
                             .incarnation = 1,
                             .vsn = Vsn{}});
  }
  const std::string bytes = encoded_stream(message);
  const PoolSettings pool;
  StreamReader reader(pool, Speaker::acceptor);
  for (std::size_t at = 0; at < bytes.size(); at += 1448) {
    const auto read = reader.feed(std::string_view(bytes).substr(at, 1448));
    ASSERT_TRUE(read) << read.error();
    ASSERT_EQ(read->has_value(), at + 1448 >= bytes.size());
    if (*read) {
      EXPECT_TRUE(**read == StreamMessage(message));
    }
  }
}

}  // namespace
}  // namespace kith::wire::gossip
