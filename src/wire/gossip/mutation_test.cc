// SPDX-License-Identifier: Apache-2.0
//
// Reads many thousands of damaged packets and connections. Nothing may crash, and what can be read
// must be writable and readable again. The fuzz target does the same for longer.
#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "base/rng.h"
#include "wire/gossip/checksum.h"
#include "wire/gossip/cipher.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compound.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/golden.h"
#include "wire/gossip/golden_pool.h"
#include "wire/gossip/packet.h"
#include "wire/gossip/stream.h"

namespace kith::wire::gossip {
namespace {

using golden::kNonce;
using golden::unhex;

constexpr int kRounds = 2'000;

const std::vector<std::string>& datagrams() {
  static const std::vector<std::string> kDatagrams = [] {
    std::vector<std::string> out;
    for (const std::string_view digits :
         {golden::kPing, golden::kIndirectPing, golden::kAckPayload, golden::kNack,
          golden::kSuspect, golden::kAlive, golden::kCompressedPing, golden::kCompoundCrc}) {
      out.push_back(unhex(digits));
    }
    // Without the checksum, so that changes get past it.
    out.push_back(out.back().substr(kCrcBytes));
    out.push_back(compress_message(out.back()));
    out.push_back(make_compound(out));
    return out;
  }();
  return kDatagrams;
}

const std::vector<std::string>& streams() {
  static const std::vector<std::string> kStreams = [] {
    std::vector<std::string> out;
    for (const std::string_view digits :
         {golden::kPing, golden::kAck, golden::kError, golden::kUserStream, golden::kPushPullState,
          golden::kCompressedUserStream, golden::kCompressedPushPullReply}) {
      out.push_back(unhex(digits));
    }
    PushPull many;
    for (int i = 0; i < 5; ++i) many.nodes.push_back({.name = std::string(40, 'n'), .vsn = Vsn{}});
    encode_stream_message(many, out.emplace_back());
    return out;
  }();
  return kStreams;
}

// One to four changes: a bit, a byte of a kind that matters, a piece cut, doubled or moved.
void mutate(std::string& bytes, Rng& rng) {
  // As an array, since a literal would end at its first byte.
  constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x07, 0x09, 0x0a, 0x0c, 0x7f, 0x80, 0x8f,
                                       0x90, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xcf, 0xd3,
                                       0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xf4, 0xff};
  for (auto left = rng.below(4) + 1; left > 0 && !bytes.empty(); --left) {
    const auto at = static_cast<std::size_t>(rng.below(bytes.size()));
    const auto size = static_cast<std::size_t>(rng.below(bytes.size() - at) + 1);
    switch (rng.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(kTelling[rng.below(std::size(kTelling))]);
        break;
      case 2:
        bytes.erase(at, size);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, size));
        break;
      case 4:
        bytes.resize(at);
        break;
      default:
        bytes[at] = static_cast<char>(rng.below(256));
        break;
    }
  }
}

void expect_readable_again(const DatagramMessage& message) {
  std::string bytes;
  encode_datagram_message(message, bytes);
  const auto read = decode_datagram_message(bytes);
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(*read == message) << golden::hex(bytes);
}

TEST(GossipMutation, DamagedDatagramsCrashNothing) {
  Rng rng(1);
  const PoolSettings pool;
  std::size_t readable = 0;
  for (const std::string& original : datagrams()) {
    for (int round = 0; round < kRounds; ++round) {
      std::string bytes = original;
      mutate(bytes, rng);
      const auto packet = decode_packet(bytes, pool);
      if (!packet) continue;
      readable += packet->messages.size();
      for (const DatagramMessage& message : packet->messages) expect_readable_again(message);
      ASSERT_FALSE(HasFatalFailure()) << golden::hex(bytes);
    }
  }
  // A test that no damaged datagram survives would be of the error paths only.
  EXPECT_GT(readable, 1'000u);
}

// As a whole and in two pieces: the same message, or an error in both cases.
TEST(GossipMutation, DamagedConnectionsCrashNothing) {
  Rng rng(2);
  const PoolSettings pool;
  std::size_t readable = 0;
  for (const std::string& original : streams()) {
    for (int round = 0; round < kRounds; ++round) {
      std::string bytes = original;
      mutate(bytes, rng);
      StreamReader at_once(pool, Speaker::dialler);
      const auto whole = at_once.feed(bytes);
      StreamReader in_pieces(pool, Speaker::dialler);
      const auto cut = static_cast<std::size_t>(rng.below(bytes.size() + 1));
      auto pieces = in_pieces.feed(std::string_view(bytes).substr(0, cut));
      if (pieces && !*pieces) pieces = in_pieces.feed(std::string_view(bytes).substr(cut));
      ASSERT_EQ(whole.has_value(), pieces.has_value()) << golden::hex(bytes);
      if (!whole) continue;
      ASSERT_EQ(whole->has_value(), pieces->has_value()) << golden::hex(bytes);
      if (!*whole) continue;
      ASSERT_TRUE(**whole == **pieces) << golden::hex(bytes);
      ++readable;
    }
  }
  EXPECT_GT(readable, 1'000u);
}

// Damaged first and encrypted then: what a peer with the key, but without good manners, may send.
TEST(GossipMutation, DamagedAndThenEncryptedCrashesNothing) {
  Rng rng(3);
  PoolSettings pool{.label = "lbl"};
  ASSERT_TRUE(pool.keyring.add(*Key::create(golden::kGoldenKey)));
  for (const std::string& original : datagrams()) {
    for (int round = 0; round < kRounds / 4; ++round) {
      std::string bytes = original;
      mutate(bytes, rng);
      if (bytes.empty()) continue;
      const auto datagram = encode_packet(bytes, pool, {.crc = true}, kNonce);
      ASSERT_TRUE(datagram);
      ASSERT_TRUE(decode_packet(*datagram, pool));
      const auto stream = encode_stream(bytes, pool, Speaker::dialler, round % 2 == 0, kNonce);
      ASSERT_TRUE(stream);
      // Whatever it is: not "more bytes are needed".
      const auto read = StreamReader(pool, Speaker::dialler).feed(*stream);
      EXPECT_TRUE(!read || *read) << golden::hex(bytes);
    }
  }
}

}  // namespace
}  // namespace kith::wire::gossip
