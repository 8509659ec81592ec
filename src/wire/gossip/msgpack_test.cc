// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/msgpack.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "wire/gossip/golden.h"

namespace kith::wire::gossip {
namespace {

using golden::hex;
using golden::unhex;
using Kind = Token::Kind;

struct Row {
  std::string_view digits;
  Kind kind;
  std::uint64_t number = 0;
  std::string_view bytes = {};
};

const std::vector<Row>& tokens() {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  static const std::vector<Row> kTokens = {
      {"00", Kind::unsigned_integer, 0},
      {"7f", Kind::unsigned_integer, 127},
      {"80", Kind::map, 0},
      {"8f", Kind::map, 15},
      {"90", Kind::array, 0},
      {"9f", Kind::array, 15},
      {"a0", Kind::raw},
      {"a3616263", Kind::raw, 0, "abc"},
      {"c0", Kind::nil},
      {"c2", Kind::boolean, 0},
      {"c3", Kind::boolean, 1},
      {"c403616263", Kind::binary, 0, "abc"},
      {"c50003616263", Kind::binary, 0, "abc"},
      {"c600000003616263", Kind::binary, 0, "abc"},
      {"c703ff616263", Kind::extension, 0,
       "\xff"
       "abc"},
      {"c80003ff616263", Kind::extension, 0,
       "\xff"
       "abc"},
      {"c900000003ff616263", Kind::extension, 0,
       "\xff"
       "abc"},
      {"ca3f800000", Kind::floating, 0x3f800000},
      {"cb3ff0000000000000", Kind::floating, 0x3ff0000000000000},
      {"ccff", Kind::unsigned_integer, 255},
      {"cdffff", Kind::unsigned_integer, 65535},
      {"ceffffffff", Kind::unsigned_integer, 0xffffffff},
      {"cfffffffffffffffff", Kind::unsigned_integer, kMost},
      {"d07f", Kind::unsigned_integer, 127},
      {"d0ff", Kind::negative_integer, kMost},
      {"d18000", Kind::negative_integer, static_cast<std::uint64_t>(-32768)},
      {"d27fffffff", Kind::unsigned_integer, 0x7fffffff},
      {"d38000000000000000", Kind::negative_integer, std::uint64_t{1} << 63},
      {"d40561", Kind::extension, 0,
       "\x05"
       "a"},
      {"d5056162", Kind::extension, 0,
       "\x05"
       "ab"},
      {"d60561626364", Kind::extension, 0,
       "\x05"
       "abcd"},
      {"d7056162636465666768", Kind::extension, 0,
       "\x05"
       "abcdefgh"},
      {"d80561626364656667686162636465666768", Kind::extension, 0,
       "\x05"
       "abcdefghabcdefgh"},
      {"d903616263", Kind::raw, 0, "abc"},
      {"da0003616263", Kind::raw, 0, "abc"},
      {"db00000003616263", Kind::raw, 0, "abc"},
      {"dc0102", Kind::array, 0x102},
      {"dd01020304", Kind::array, 0x1020304},
      {"de0102", Kind::map, 0x102},
      {"dfffffffff", Kind::map, 0xffffffff},
      {"e0", Kind::negative_integer, static_cast<std::uint64_t>(-32)},
      {"ff", Kind::negative_integer, kMost},
  };
  return kTokens;
}

TEST(GossipMsgpack, ReadsEveryFormOfAToken) {
  for (const Row& row : tokens()) {
    SCOPED_TRACE(row.digits);
    const std::string bytes = unhex(row.digits);
    MsgpackReader reader(bytes, 1);
    Token token;
    ASSERT_EQ(reader.next(token), Progress::done);
    EXPECT_EQ(token.kind, row.kind);
    EXPECT_EQ(token.number, row.number);
    EXPECT_EQ(token.bytes, row.bytes);
    EXPECT_EQ(reader.position(), bytes.size());
  }
}

TEST(GossipMsgpack, TokensCutAnywhereAreIncomplete) {
  for (const Row& row : tokens()) {
    const std::string bytes = unhex(row.digits);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      MsgpackReader reader(std::string_view(bytes).substr(0, size), 1);
      Token token;
      EXPECT_EQ(reader.next(token), Progress::incomplete) << row.digits << ' ' << size;
      EXPECT_EQ(reader.position(), 0u);
    }
  }
}

TEST(GossipMsgpack, LengthsBeyondTheEndAreIncomplete) {
  for (const std::string_view digits : {"c6ffffffff", "c9ffffffff00", "dbffffffff", "daffff61"}) {
    const std::string bytes = unhex(digits);
    MsgpackReader reader(bytes, 1);
    Token token;
    EXPECT_EQ(reader.next(token), Progress::incomplete) << digits;
  }
}

TEST(GossipMsgpack, TheTagWithoutAMeaningFails) {
  MsgpackReader reader("\xc1", 1);
  Token token;
  EXPECT_EQ(reader.next(token), Progress::failed);
}

TEST(GossipMsgpack, SkipsWhatIsInATokenHoweverDeep) {
  const std::string bytes = unhex(
                                "82"
                                "a161"
                                "93"
                                "0102"
                                "81"
                                "c0"
                                "9101"
                                "a162"
                                "80") +
                            "rest";
  MsgpackReader reader(bytes, 100);
  Token token;
  ASSERT_EQ(reader.next(token), Progress::done);
  ASSERT_EQ(reader.skip_contents(token), Progress::done);
  EXPECT_EQ(bytes.substr(reader.position()), "rest");
}

TEST(GossipMsgpack, DeepNestingCostsTokensOnly) {
  const std::string bytes = std::string(1'000'000, '\x91') + '\x01';
  MsgpackReader reader(bytes, 2'000'000);
  Token token;
  ASSERT_EQ(reader.next(token), Progress::done);
  EXPECT_EQ(reader.skip_contents(token), Progress::done);
  EXPECT_EQ(reader.position(), bytes.size());
}

TEST(GossipMsgpack, StopsAtItsMostTokens) {
  const std::string bytes = std::string("\xdd\xff\xff\xff\xff", 5) + std::string(100, '\x01');
  MsgpackReader reader(bytes, 50);
  Token token;
  ASSERT_EQ(reader.next(token), Progress::done);
  EXPECT_EQ(reader.skip_contents(token), Progress::failed);
  EXPECT_EQ(reader.position(), 5u + 49u);
}

TEST(GossipMsgpack, WritesUnsignedIntegersInTheShortestForm) {
  for (const auto& [number, digits] : std::vector<std::pair<std::uint64_t, std::string_view>>{
           {0, "00"},
           {127, "7f"},
           {128, "cc80"},
           {255, "ccff"},
           {256, "cd0100"},
           {7946, "cd1f0a"},
           {65535, "cdffff"},
           {65536, "ce00010000"},
           {0xffffffff, "ceffffffff"},
           {0x100000000, "cf0000000100000000"}}) {
    std::string out;
    put_unsigned(number, out);
    EXPECT_EQ(hex(out), digits);
  }
}

TEST(GossipMsgpack, WritesSignedIntegersInASignedForm) {
  for (const auto& [number, digits] :
       std::vector<std::pair<std::int64_t, std::string_view>>{{0, "00"},
                                                              {127, "7f"},
                                                              {128, "d10080"},
                                                              {200, "d100c8"},
                                                              {32767, "d17fff"},
                                                              {32768, "d200008000"},
                                                              {70000, "d200011170"},
                                                              {0x7fffffff, "d27fffffff"},
                                                              {0x80000000, "d30000000080000000"}}) {
    std::string out;
    put_signed(number, out);
    EXPECT_EQ(hex(out), digits);
  }
}

// Neither str8 nor bin: memberlist before 0.5.1 reads no bin.
TEST(GossipMsgpack, WritesBytesInTheOldForm) {
  for (const auto& [size, head] : std::vector<std::pair<std::size_t, std::string_view>>{
           {0, "a0"}, {31, "bf"}, {32, "da0020"}, {65535, "daffff"}, {65536, "db00010000"}}) {
    std::string out;
    put_raw(std::string(size, 'x'), out);
    EXPECT_EQ(hex(out.substr(0, out.size() - size)), head);
  }
}

}  // namespace
}  // namespace kith::wire::gossip
