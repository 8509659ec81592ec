// SPDX-License-Identifier: Apache-2.0
//
// Single messages: what is accepted from other implementations, and what is not.
#include "wire/gossip/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/gossip/golden.h"
#include "wire/gossip/random_messages.h"
#include "wire/gossip/struct_codec.h"

namespace kith::wire::gossip {
namespace {

using golden::hex;
using golden::unhex;
using ::testing::HasSubstr;

RC_GTEST_PROP(GossipCodec, ReadsBackAnyDatagramMessageItWrote, ()) {
  const DatagramMessage message = any_datagram_message();
  std::string bytes;
  encode_datagram_message(message, bytes);
  const auto read = decode_datagram_message(bytes);
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == message);
}

TEST(GossipCodec, AppendsToWhatIsThere) {
  std::string out = "before";
  encode_datagram_message(Ack{.seq_no = 7}, out);
  EXPECT_EQ(out, "before" + unhex(golden::kAck));
}

TEST(GossipCodec, NamesItsMessages) {
  EXPECT_EQ(name_of(DatagramMessage(IndirectPing{})), "IndirectPing");
  EXPECT_EQ(name_of(StreamMessage(PushPull{})), "PushPull");
}

TEST(GossipCodec, IgnoresWhatFollowsTheMap) {
  const auto read = decode_datagram_message(unhex(golden::kAck) + "later");
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == DatagramMessage(Ack{.seq_no = 7}));
}

TEST(GossipCodec, MessagesCutAnywhereAreRefused) {
  for (const std::string_view digits :
       {golden::kPing, golden::kIndirectPing, golden::kAckPayload, golden::kNack, golden::kSuspect,
        golden::kDead, golden::kAlive}) {
    const std::string bytes = unhex(digits);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto read = decode_datagram_message(bytes.substr(0, size));
      ASSERT_FALSE(read) << digits << ' ' << size;
      EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    }
  }
}

TEST(GossipCodec, TypesThatDatagramsDoNotHaveAreUnimplemented) {
  for (const int type : {6, 7, 9, 10, 12, 13, 14, 99, 244, 255}) {
    const auto read = decode_datagram_message(std::string(1, static_cast<char>(type)) + '\x80');
    ASSERT_FALSE(read) << type;
    EXPECT_EQ(read.error().code, ErrorCode::unimplemented) << type;
    EXPECT_THAT(read.error().message, HasSubstr(std::to_string(type)));
  }
}

// ---- Forms of one message ----

struct Accepted {
  const char* what;
  std::string_view digits;
  NodeState state;
};

// Of what is not named: Name a46e616d65... is "Name", a4506f7274 "Port", a441646472 "Addr",
// a356736e "Vsn", a55374617465 "State".
TEST(GossipForms, AreAcceptedAsLiberallyAsMemberlistDoes) {
  const std::vector<Accepted> table = {
      {"nil as a struct", "c0", {}},
      {"no keys", "80", {}},
      {"map16", "de0001a44e616d65a161", {.name = "a"}},
      {"map32", "df00000001a44e616d65a161", {.name = "a"}},
      {"array in memberlist's order",
       "97a161a47f000001cd1f0aa16d0503a6010502020504",
       {.name = "a",
        .addr = std::string("\x7f\0\0\1", 4),
        .port = 7946,
        .meta = "m",
        .incarnation = 5,
        .status = NodeStatus::left,
        .vsn = Vsn{1, 5, 2, 2, 5, 4}}},
      {"short array", "91a161", {.name = "a"}},
      {"long array", "98a161c0c0c0c0c0c0a17a", {.name = "a"}},
      {"array16", "dc0001a161", {.name = "a"}},
      {"str8 for text", "81a44e616d65d90161", {.name = "a"}},
      {"raw16 for text", "81a44e616d65da000161", {.name = "a"}},
      {"bin for text", "81a44e616d65c40161", {.name = "a"}},
      {"bin as a key", "81c4044e616d65a161", {.name = "a"}},
      {"str8 as a key", "81d9044e616d65a161", {.name = "a"}},
      {"bin for bytes", "81a44d657461c4026d31", {.meta = "m1"}},
      {"array for bytes", "81a44d65746194cc6dd0316dd10031", {.meta = "m1m1"}},
      {"array with nil for bytes", "81a44d65746192c06d", {.meta = std::string("\0m", 2)}},
      {"empty array for bytes", "81a44d65746190", {}},
      {"empty bytes", "81a44d657461a0", {}},
      {"nil for bytes", "81a44d657461c0", {}},
      {"nil for text and numbers", "83a44e616d65c0a4506f7274c0a55374617465c0", {}},
      {"nil for Vsn", "81a356736ec0", {}},
      {"Vsn of less than six", "81a356736ea50105020000", {}},
      {"Vsn of more than six", "81a356736ea80105020000000909", {.vsn = Vsn{}}},
      {"Vsn as bin", "81a356736ec406010502000000", {.vsn = Vsn{}}},
      {"Vsn as array", "81a356736e96010502000000", {.vsn = Vsn{}}},
      {"port as uint8", "81a4506f7274cc05", {.port = 5}},
      {"port as uint32", "81a4506f7274ce0000ffff", {.port = 65535}},
      {"port as uint64", "81a4506f7274cf0000000000000005", {.port = 5}},
      {"port as int8", "81a4506f7274d005", {.port = 5}},
      {"port as int16", "81a4506f7274d11f0a", {.port = 7946}},
      {"port as int32", "81a4506f7274d20000ffff", {.port = 65535}},
      {"port as int64", "81a4506f7274d30000000000000005", {.port = 5}},
      {"status as uint8", "81a55374617465cc02", {.status = NodeStatus::dead}},
      {"status as int16", "81a55374617465d10002", {.status = NodeStatus::dead}},
      {"status of a later version", "81a5537461746504", {.status = NodeStatus::unknown}},
      {"large status", "81a55374617465cf0000010000000000", {.status = NodeStatus::unknown}},
      {"negative status", "81a55374617465ff", {.status = NodeStatus::unknown}},
      {"unknown keys of every kind",
       "8aa161c0a162c3a16305a164ffa165ca3f800000a166a161a167c40161a168920191c0a16981a16102"
       "a44e616d65a161",
       {.name = "a"}},
      {"unknown key with an extension", "82a158d6ff00000000a44e616d65a161", {.name = "a"}},
      {"key in another case is unknown", "82a46e616d65a17aa44e616d65a161", {.name = "a"}},
      {"Node is not Name", "81a44e6f6465a161", {}},
      {"keys that are no strings",
       "84"
       "0101"
       "c002"
       "9201"
       "0203"
       "a44e616d65a161",
       {.name = "a"}},
      {"repeated key", "82a4506f727401a4506f727402", {.port = 2}},
      {"repeated key with nil", "82a4506f727401a4506f7274c0", {}},
  };
  for (const Accepted& row : table) {
    SCOPED_TRACE(row.what);
    const auto read = read_whole_struct<NodeState>(unhex(row.digits));
    ASSERT_TRUE(read) << read.error();
    EXPECT_TRUE(*read == row.state);
  }
}

TEST(GossipForms, OfAnotherKindOrRangeAreRefused) {
  const std::vector<std::pair<const char*, std::string_view>> table = {
      {"text as a struct", "a161"},
      {"number as a struct", "05"},
      {"no meaning", "c1"},
      {"no meaning inside", "81a158c1"},
      {"number for text", "81a44e616d6505"},
      {"map for text", "81a44e616d6580"},
      {"extension for text", "81a44e616d65d40102"},
      {"bytes with a number over 255", "81a44d65746191cd0104"},
      {"bytes with a negative number", "81a44d65746191ff"},
      {"bytes with text", "81a44d65746191a161"},
      {"negative port", "81a4506f7274ff"},
      {"port over its range", "81a4506f7274ce00010000"},
      {"port as float", "81a4506f7274ca3f800000"},
      {"port as boolean", "81a4506f7274c3"},
      {"port as text", "81a4506f7274a135"},
      {"port as map", "81a4506f727480"},
      {"incarnation over its range", "81ab496e6361726e6174696f6ecf0000000100000000"},
      {"status as map", "81a5537461746580"},
      {"status over its range", "81a55374617465cfffffffffffffffff"},
      {"Vsn as a number", "81a356736e01"},
  };
  for (const auto& [what, digits] : table) {
    SCOPED_TRACE(what);
    const auto read = read_whole_struct<NodeState>(unhex(digits));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
  }
}

TEST(GossipForms, ErrorsNameTheField) {
  const auto port = read_whole_struct<NodeState>(unhex("82a15801a4506f7274ff"));
  ASSERT_FALSE(port);
  EXPECT_THAT(port.error().message, HasSubstr("value of Port"));
}

TEST(GossipForms, BooleansMayBeNumbers) {
  for (const auto& [digits, nack] :
       {std::pair("c2", false), {"c3", true}, {"00", false}, {"01", true}, {"c0", false}}) {
    const auto read = read_whole_struct<IndirectPing>(unhex("81a44e61636b") + unhex(digits));
    ASSERT_TRUE(read) << digits;
    EXPECT_EQ(read->nack, nack) << digits;
  }
  for (const std::string_view digits : {"02", "ff", "a0", "ca3f800000"}) {
    EXPECT_FALSE(read_whole_struct<IndirectPing>(unhex("81a44e61636b") + unhex(digits))) << digits;
  }
}

// memberlist before 0.5.1 writes signed numbers in the unsigned forms.
TEST(GossipForms, CountsOfBothDialectsAreRead) {
  for (const auto& [digits, count] :
       {std::pair("d100c8", 200), {"ccc8", 200}, {"d200011170", 70000}, {"ce00011170", 70000}}) {
    const auto read =
        read_whole_struct<PushPullHeader>(unhex("81ac5573657253746174654c656e") + unhex(digits));
    ASSERT_TRUE(read) << digits;
    EXPECT_EQ(read->user_state_bytes, count) << digits;
  }
}

TEST(GossipForms, CountsAreWrittenInTheSignedForm) {
  std::string out;
  write_struct(PushPullHeader{.join = true, .nodes = 200, .user_state_bytes = 70000}, out);
  EXPECT_EQ(hex(out), "83a44a6f696ec3a54e6f646573d100c8ac5573657253746174654c656ed200011170");
}

// As arrays, in memberlist's order of declaration.
TEST(GossipForms, EveryMessageMayBeAnArray) {
  const std::vector<std::pair<std::string_view, DatagramMessage>> table = {
      {"009507a16ea4010203040aa173", Ping{.seq_no = 7,
                                          .node = "n",
                                          .source_addr = "\1\2\3\4",
                                          .source_port = 10,
                                          .source_node = "s"}},
      {"019807a4010203040ba16ec3a4050607080aa173", IndirectPing{.seq_no = 7,
                                                                .target = "\1\2\3\4",
                                                                .port = 11,
                                                                .node = "n",
                                                                .nack = true,
                                                                .source_addr = "\5\6\7\x08",
                                                                .source_port = 10,
                                                                .source_node = "s"}},
      {"029207a170", Ack{.seq_no = 7, .payload = "p"}},
      {"0b9107", Nack{.seq_no = 7}},
      {"039307a16ea166", Suspect{.incarnation = 7, .node = "n", .from = "f"}},
      {"049607a16ea4010203040aa16da6010502000000", Alive{.incarnation = 7,
                                                         .node = "n",
                                                         .addr = "\1\2\3\4",
                                                         .port = 10,
                                                         .meta = "m",
                                                         .vsn = Vsn{}}},
      {"059307a16ea166", Dead{.incarnation = 7, .node = "n", .from = "f"}},
  };
  for (const auto& [digits, message] : table) {
    const auto read = decode_datagram_message(unhex(digits));
    ASSERT_TRUE(read) << digits;
    EXPECT_TRUE(*read == message) << digits;
  }
}

TEST(GossipForms, MoreValuesThanAnyMessageHasAreRefused) {
  const std::string many = unhex("81a158dc1000") + std::string(4096, '\x01');
  EXPECT_FALSE(read_whole_struct<NodeState>(many));
  // That holds before they have all arrived.
  NodeState state;
  EXPECT_FALSE(read_struct(std::string_view(many).substr(0, 4100), state));
  EXPECT_TRUE(read_struct(std::string_view(many).substr(0, 4000), state));
}

TEST(GossipForms, StructsCutAnywhereAreNotYetThere) {
  const std::string bytes = unhex(golden::kAlive).substr(1);
  Alive alive;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = read_struct(std::string_view(bytes).substr(0, size), alive);
    ASSERT_TRUE(read);
    EXPECT_FALSE(*read) << size;
  }
  const auto read = read_struct(bytes + "more", alive);
  ASSERT_TRUE(read);
  ASSERT_TRUE(*read);
  EXPECT_EQ(**read, bytes.size());
}

}  // namespace
}  // namespace kith::wire::gossip
