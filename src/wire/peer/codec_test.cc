// SPDX-License-Identifier: Apache-2.0
#include "wire/peer/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace kith::wire::peer {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// A whole frame of the message, payload included.
std::string frame_of(const Message& message, std::size_t inline_bytes = 512, bool checked = true) {
  std::string frame;
  const Value rest = encode(message, frame, inline_bytes, checked);
  return frame.append(rest.view());
}

// A frame that was read: the body is kept, because the message refers to it.
struct Received {
  Value body;
  Result<Message> message = fail(ErrorCode::internal, "not read");
};

// Reads a whole frame as a link does, refusing one that is shorter or longer than its header says.
Received receive(std::string_view frame) {
  if (frame.size() < kHeaderBytes) return {{}, fail(ErrorCode::unavailable, "header incomplete")};
  const auto header = decode_header(bytes_of(frame));
  if (!header) return {{}, tl::unexpected<Error>(header.error())};
  const Value body = Value::copy_of(frame.substr(kHeaderBytes));
  if (body.size() < header->body_bytes)
    return {{}, fail(ErrorCode::unavailable, "body incomplete")};
  return {body, decode(bytes_of(frame).first(kHeaderBytes), body)};
}

void put_number(std::string& frame, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) frame[at + i] = static_cast<char>(value >> (8 * i));
}

// Makes header and checksums of a changed frame right again, without a body check.
std::string resealed(std::string frame) {
  put_number(frame, 0, frame.size() - kHeaderBytes, 4);
  frame[5] = static_cast<char>(frame[5] & ~1);
  put_number(frame, 28, hash_with_seed(std::string_view(frame).substr(0, 28), 0), 4);
  return frame;
}

constexpr TraceContext kTrace = {0,    0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                                 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c, 0xb7,
                                 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31, 1};

// One message or more of each type, under the names of testdata/v1.golden.
const std::vector<std::pair<std::string, Message>>& samples() {
  static const std::vector<std::pair<std::string, Message>> kSamples = {
      {"hello", Hello{.slice = 3,
                      .boot = BootId{0x0123456789abcdef},
                      .name = "10.0.0.1:7400",
                      .target = "10.0.0.2:7400"}},
      {"hello_ok",
       HelloOk{.slices = 4, .boot = BootId{0xfedcba9876543210}, .name = "10.0.0.2:7400"}},
      {"ping", Ping{.request = 1}},
      {"pong", Pong{.request = 1}},
      {"get", Get{.request = 0x1122334455667788,
                  .view = 0xaabbccdd,
                  .budget_us = 250'000,
                  .cache = CacheId{0x0807060504030201},
                  .key = "user:42"}},
      {"get_everything", Get{.request = 2,
                             .view = 7,
                             .budget_us = 1,
                             .hops = 2,
                             .no_load = true,
                             .guest = true,
                             .cache = CacheId{9},
                             .key = std::string_view("\0\xff", 2),
                             .trace = kTrace}},
      {"cancel", Cancel{.request = 3}},
      {"value", ValueReply{.request = 0x1122334455667788,
                           .view = 0xaabbccdd,
                           .version = {.epoch = 0x1112131415161718, .sequence = 5},
                           .ttl_ms = 60'000,
                           .value = Value::borrow_static("hello, world")}},
      {"value_everything", ValueReply{.request = 4,
                                      .view = 1,
                                      .load_hint = 200,
                                      .stale = true,
                                      .guest = true,
                                      .loaded = true,
                                      .version = {.epoch = 1, .sequence = 2},
                                      .ttl_ms = kNoTtl,
                                      .value = Value::borrow_static("x")}},
      {"value_empty", ValueReply{.request = 5, .ttl_ms = 1}},
      {"value_negative", ValueReply{.request = 6, .negative = true, .ttl_ms = 1000}},
      {"miss", Miss{.request = 7}},
      {"not_owner",
       NotOwner{
           .request = 8, .view = ViewId{0x0102030405060708}, .hint = NodeId{0x1112131415161718}}},
      {"not_owner_unknown_cache",
       NotOwner{.request = 9, .reason = NotOwner::Reason::unknown_cache, .view = ViewId{1}}},
      {"not_owner_draining",
       NotOwner{.request = 10, .reason = NotOwner::Reason::draining, .view = ViewId{1}}},
      {"busy", Busy{.request = 11, .retry_after_us = 50'000}},
      {"failure",
       Failure{
           .request = 12, .code = ErrorCode::loader_failed, .message = "the origin answered 500"}},
      {"failure_state_changed",
       Failure{.request = 13, .code = ErrorCode::outcome_unknown, .state_changed = true}},
  };
  return kSamples;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::map<std::string, std::string> golden() {
  std::ifstream file(KITH_WIRE_TESTDATA "/v1.golden");
  std::map<std::string, std::string> frames;
  std::string name;
  std::string digits;
  while (file >> name >> digits) frames[name] = unhex(digits);
  return frames;
}

// ---- Golden bytes ----

TEST(PeerGolden, HasOneLinePerSample) {
  const auto frames = golden();
  EXPECT_EQ(frames.size(), samples().size());
  for (const auto& [name, message] : samples()) EXPECT_TRUE(frames.contains(name)) << name;
}

TEST(PeerGolden, EncodesToTheSameBytes) {
  auto frames = golden();
  for (const auto& [name, message] : samples()) {
    EXPECT_EQ(hex(frame_of(message)), hex(frames[name])) << name;
  }
}

TEST(PeerGolden, DecodesToTheSameMessages) {
  auto frames = golden();
  for (const auto& [name, message] : samples()) {
    const Received received = receive(frames[name]);
    ASSERT_TRUE(received.message) << name << ": " << received.message.error();
    EXPECT_TRUE(*received.message == message) << name;
  }
}

TEST(PeerGolden, CoversEveryType) {
  std::map<std::size_t, int> types;
  for (const auto& [name, message] : samples()) ++types[message.index()];
  EXPECT_EQ(types.size(), std::variant_size_v<Message>);
}

// ---- Round trips ----

// Strings of a random message, which must outlive it.
struct Strings {
  std::string first;
  std::string second;
};

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

std::string any_string(std::size_t least, std::size_t most) {
  const auto size = *rc::gen::inRange(least, most + 1);
  return *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
}

Message any_message(Strings& strings) {
  strings.first = any_string(1, 300);
  strings.second = any_string(0, 300);
  const auto request = any<std::uint64_t>();
  switch (*rc::gen::inRange(0, 11)) {
    case 0: {
      const auto versions = std::minmax({any<std::uint16_t>(), any<std::uint16_t>()});
      return Hello{versions.first,       versions.second,
                   any<std::uint16_t>(), BootId{any<std::uint64_t>()},
                   strings.first,        strings.second};
    }
    case 1:
      return HelloOk{any<std::uint16_t>(), *rc::gen::inRange<std::uint16_t>(1, kMaxSlices + 1),
                     BootId{any<std::uint64_t>()}, strings.second};
    case 2:
      return Ping{request};
    case 3:
      return Pong{request};
    case 4: {
      Get get{request,     any<std::uint32_t>(), any<std::uint32_t>(),          any<std::uint8_t>(),
              any<bool>(), any<bool>(),          CacheId{any<std::uint64_t>()}, strings.first};
      if (any<bool>()) {
        for (std::uint8_t& byte : get.trace.emplace()) byte = any<std::uint8_t>();
      }
      return get;
    }
    case 5:
      return Cancel{request};
    case 6: {
      const bool negative = any<bool>();
      return ValueReply{request,
                        any<std::uint32_t>(),
                        any<std::uint8_t>(),
                        negative,
                        any<bool>(),
                        any<bool>(),
                        any<bool>(),
                        {any<std::uint64_t>(), any<std::uint64_t>()},
                        any<std::uint32_t>(),
                        negative ? Value{} : Value::copy_of(strings.second)};
    }
    case 7:
      return Miss{request};
    case 8:
      return NotOwner{request, static_cast<NotOwner::Reason>(*rc::gen::inRange(0, 3)),
                      ViewId{any<std::uint64_t>()}, NodeId{any<std::uint64_t>()}};
    case 9:
      return Busy{request, any<std::uint32_t>()};
    default:
      return Failure{request, *rc::gen::element(ErrorCode::cancelled, ErrorCode::unavailable),
                     any<bool>(), strings.second};
  }
}

TEST(PeerCodec, ReadsBackAnyMessageItWrote) {
  EXPECT_TRUE(rc::check([] {
    Strings strings;
    const Message message = any_message(strings);
    const auto inline_bytes = *rc::gen::inRange<std::size_t>(0, 600);
    const Received received = receive(frame_of(message, inline_bytes, any<bool>()));
    RC_ASSERT(received.message.has_value());
    RC_ASSERT(*received.message == message);
  }));
}

TEST(PeerCodec, ReadsKeysOfEveryAllowedLength) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, kMaxWireKeyBytes}) {
    const std::string key(size, 'k');
    const Message get = Get{.key = key, .trace = kTrace};
    const Received received = receive(frame_of(get));
    ASSERT_TRUE(received.message) << size;
    EXPECT_TRUE(*received.message == get) << size;
  }
}

TEST(PeerCodec, AppendsToWhatIsThere) {
  std::string out = "before";
  encode(Ping{1}, out);
  encode(Pong{2}, out);
  EXPECT_EQ(out, "before" + frame_of(Ping{1}) + frame_of(Pong{2}));
}

TEST(PeerCodec, CutsALongFailureMessage) {
  const std::string text(kMaxFailureMessageBytes + 1, 'x');
  const Received received = receive(frame_of(Failure{.message = text}));
  ASSERT_TRUE(received.message);
  EXPECT_EQ(std::get<Failure>(*received.message).message, text.substr(1));
}

// ---- No copies ----

TEST(PeerCodec, ReceivedValueAndKeyPointIntoTheBody) {
  const Received value = receive(frame_of(ValueReply{.value = Value::borrow_static("a value")}));
  ASSERT_TRUE(value.message);
  EXPECT_EQ(std::get<ValueReply>(*value.message).value.data(), value.body.data() + 16);
  const Received get = receive(frame_of(Get{.key = "key"}));
  ASSERT_TRUE(get.message);
  EXPECT_EQ(bytes_of(std::get<Get>(*get.message).key).data(), get.body.data() + 8);
}

TEST(PeerCodec, ReceivedValueOutlivesTheBodyHandle) {
  Received received = receive(frame_of(ValueReply{.value = Value::borrow_static("a value")}));
  received.body = Value{};
  EXPECT_EQ(std::get<ValueReply>(*received.message).value.view(), "a value");
}

TEST(PeerCodec, HandsALargeValueBackInsteadOfCopyingIt) {
  const Value value = Value::copy_of(std::string(513, 'v'));
  std::string out;
  const Value rest = encode(ValueReply{.value = value}, out, 512);
  EXPECT_EQ(rest.data(), value.data());
  EXPECT_EQ(out.size(), kHeaderBytes + 16);
}

TEST(PeerCodec, AppendsASmallValue) {
  std::string out;
  const Value rest = encode(ValueReply{.value = Value::copy_of(std::string(512, 'v'))}, out, 512);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(out.size(), kHeaderBytes + 16 + 512);
}

// ---- Headers ----

TEST(PeerHeader, TellsWhereThePayloadBegins) {
  const auto value =
      decode_header(bytes_of(frame_of(ValueReply{.value = Value::copy_of("12345")})));
  ASSERT_TRUE(value);
  EXPECT_EQ(value->body_bytes, 21u);
  EXPECT_EQ(value->field_bytes, 16u);
  const auto get = decode_header(bytes_of(frame_of(Get{.key = "12345"})));
  ASSERT_TRUE(get);
  EXPECT_EQ(get->body_bytes, 13u);
  EXPECT_EQ(get->field_bytes, 13u);
}

// ---- Damage ----

TEST(PeerDamage, EveryFlippedBitOfAHeaderIsDetected) {
  for (const auto& [name, message] : samples()) {
    const std::string frame = frame_of(message);
    for (std::size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
      std::string damaged = frame;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decode_header(bytes_of(damaged))) << name << " bit " << bit;
    }
  }
}

TEST(PeerDamage, EveryFlippedBitOfACheckedBodyIsDetected) {
  for (const auto& [name, message] : samples()) {
    const std::string frame = frame_of(message);
    for (std::size_t bit = 8 * kHeaderBytes; bit < 8 * frame.size(); ++bit) {
      std::string damaged = frame;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const Received received = receive(damaged);
      ASSERT_FALSE(received.message) << name << " bit " << bit;
      EXPECT_THAT(received.message.error().message, HasSubstr("wrong checksum"));
    }
  }
}

// A body cut short whose header and checks say that it is meant so.
TEST(PeerDamage, BodiesCutAtEveryLengthAreRefusedOrShorterMessages) {
  for (const auto& [name, message] : samples()) {
    const std::string frame = frame_of(message);
    for (std::size_t size = kHeaderBytes; size < frame.size(); ++size) {
      const Received received = receive(resealed(frame.substr(0, size)));
      if (received.message) {
        // Only what ends in a text of free length can be cut.
        EXPECT_THAT(name,
                    testing::AnyOf(HasSubstr("get"), HasSubstr("value"), HasSubstr("failure")))
            << size;
        EXPECT_FALSE(*received.message == message) << name << ' ' << size;
      } else {
        EXPECT_EQ(received.message.error().code, ErrorCode::invalid_argument)
            << name << ' ' << size;
      }
    }
  }
}

TEST(PeerDamage, BodyOfAnotherLengthThanTheHeaderSaysIsRefused) {
  for (const auto& [name, message] : samples()) {
    const std::string frame = frame_of(message);
    const auto header = bytes_of(frame).first(kHeaderBytes);
    const std::string_view body = std::string_view(frame).substr(kHeaderBytes);
    EXPECT_FALSE(decode(header, Value::copy_of(std::string(body) + "x"))) << name;
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_FALSE(decode(header, Value::copy_of(body.substr(0, size)))) << name << ' ' << size;
    }
  }
}

struct IllFormed {
  const char* what;
  Message message;
  // Changes the frame, header included; it is sealed again afterwards.
  void (*change)(std::string& frame);
  const char* error;
};

constexpr std::size_t kBody = kHeaderBytes;

TEST(PeerDamage, IllFormedFramesAreRefusedWithTheirReason) {
  const Hello hello{.name = "a:1", .target = "b:1"};
  const HelloOk hello_ok{.name = "b:1"};
  const std::vector<IllFormed> table = {
      {"hello, no fields", hello, [](std::string& f) { f.resize(kBody); }, "Hello is too short"},
      {"hello, fixed part short", hello, [](std::string& f) { f.resize(kBody + 19); },
       "Hello is too short"},
      {"hello, magic", hello, [](std::string& f) { f[kBody] = 'k'; }, "magic"},
      {"hello, versions", hello, [](std::string& f) { put_number(f, kBody + 4, 2, 2); },
       "oldest version is above"},
      {"hello, name missing", hello, [](std::string& f) { f.resize(kBody + 20); }, "damaged name"},
      {"hello, name longer than body", hello,
       [](std::string& f) { put_number(f, kBody + 20, 99, 2); }, "damaged name"},
      {"hello, name over its limit", hello,
       [](std::string& f) {
         f.resize(kBody + 22);
         put_number(f, kBody + 20, kMaxNameBytes + 1, 2);
         f.append(kMaxNameBytes + 10, 'n');
       },
       "damaged name"},
      {"hello, target missing", hello, [](std::string& f) { f.resize(kBody + 25); },
       "damaged target"},
      {"hello, target longer than body", hello,
       [](std::string& f) { put_number(f, kBody + 25, 0xffff, 2); }, "damaged target"},
      {"hello_ok, short", hello_ok, [](std::string& f) { f.resize(kBody + 15); },
       "HelloOk is too short"},
      {"hello_ok, magic", hello_ok, [](std::string& f) { f[kBody + 3] = 'h'; }, "magic"},
      {"hello_ok, no slices", hello_ok, [](std::string& f) { put_number(f, kBody + 6, 0, 2); },
       "number of slices"},
      {"hello_ok, too many slices", hello_ok,
       [](std::string& f) { put_number(f, kBody + 6, kMaxSlices + 1, 2); }, "number of slices"},
      {"hello_ok, name", hello_ok, [](std::string& f) { f.pop_back(); }, "damaged name"},
      {"get, empty key", Get{.key = "k"}, [](std::string& f) { f.pop_back(); }, "without a key"},
      {"get, no cache", Get{.key = "k"}, [](std::string& f) { f.resize(kBody); }, "without a key"},
      {"get, trace missing", Get{.key = "k"}, [](std::string& f) { f[5] = 2; }, "without a key"},
      {"get, trace and no key", Get{.key = "k", .trace = kTrace},
       [](std::string& f) { f.pop_back(); }, "without a key"},
      {"get, key over its limit", Get{.key = "k"},
       [](std::string& f) { f.append(kMaxWireKeyBytes, 'k'); }, "too long a key"},
      {"get, body over its limit", Get{.key = "k"},
       [](std::string& f) { f.append(kMaxControlBodyBytes, 'k'); }, "size limit"},
      {"value, short", ValueReply{}, [](std::string& f) { f.pop_back(); },
       "ValueReply is too short"},
      {"value, negative with a value", ValueReply{.negative = true},
       [](std::string& f) { f.push_back('v'); }, "negative and has a value"},
      {"not_owner, short", NotOwner{}, [](std::string& f) { f.pop_back(); },
       "NotOwner is too short"},
      {"failure, body over its limit", Failure{},
       [](std::string& f) { f.append(kMaxControlBodyBytes + 1, 'k'); }, "size limit"},
      {"unknown type, body over its limit", Ping{},
       [](std::string& f) {
         f[4] = 99;
         f.append(kMaxControlBodyBytes + 1, 'k');
       },
       "size limit"},
  };
  for (const IllFormed& row : table) {
    SCOPED_TRACE(row.what);
    std::string frame = frame_of(row.message);
    row.change(frame);
    const Received received = receive(resealed(frame));
    ASSERT_FALSE(received.message);
    EXPECT_EQ(received.message.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(received.message.error().message, HasSubstr(row.error));
  }
}

TEST(PeerDamage, ValueLongerThanAnyValueIsRefusedByItsHeader) {
  std::string frame = frame_of(ValueReply{});
  put_number(frame, 0, kMaxBodyBytes + 1, 4);
  put_number(frame, 28, hash_with_seed(std::string_view(frame).substr(0, 28), 0), 4);
  const auto header = decode_header(bytes_of(frame));
  ASSERT_FALSE(header);
  EXPECT_THAT(header.error().message, HasSubstr("size limit"));
}

// ---- Later versions ----

TEST(PeerLaterVersion, UnknownTypeIsToBeSkipped) {
  for (const int type : {0, 12, 255}) {
    std::string frame = frame_of(NotOwner{});
    frame[4] = static_cast<char>(type);
    const Received received = receive(resealed(frame));
    ASSERT_FALSE(received.message) << type;
    EXPECT_EQ(received.message.error().code, ErrorCode::unimplemented) << type;
  }
}

TEST(PeerLaterVersion, UnknownFlagsAreIgnored) {
  for (const auto& [name, message] : samples()) {
    std::string frame = frame_of(message);
    frame[5] = static_cast<char>(frame[5] | 0xf8);
    const Received received = receive(resealed(frame));
    ASSERT_TRUE(received.message) << name;
    EXPECT_TRUE(*received.message == message) << name;
  }
}

TEST(PeerLaterVersion, UnknownBitsOfCodesAreIgnored) {
  for (const Message& message :
       {Message(Get{.no_load = true, .key = "k"}), Message(ValueReply{.stale = true})}) {
    std::string frame = frame_of(message);
    frame[7] = static_cast<char>(frame[7] | 0xf0);
    const Received received = receive(resealed(frame));
    ASSERT_TRUE(received.message);
    EXPECT_TRUE(*received.message == message);
  }
}

TEST(PeerLaterVersion, TrailingFieldsAreIgnored) {
  for (const Message& message :
       {Message(Hello{.name = "a:1", .target = "b:1"}), Message(HelloOk{.name = "b:1"}),
        Message(Ping{1}), Message(Pong{2}), Message(Cancel{3}), Message(Miss{4}),
        Message(NotOwner{.request = 5}), Message(Busy{6, 7})}) {
    const Received received = receive(resealed(frame_of(message) + "later"));
    ASSERT_TRUE(received.message) << name_of(message);
    EXPECT_TRUE(*received.message == message) << name_of(message);
  }
}

TEST(PeerLaterVersion, UnknownReasonMeansNotMine) {
  std::string frame = frame_of(NotOwner{.reason = NotOwner::Reason::draining});
  frame[7] = 3;
  const Received received = receive(resealed(frame));
  ASSERT_TRUE(received.message);
  EXPECT_EQ(std::get<NotOwner>(*received.message).reason, NotOwner::Reason::not_mine);
}

TEST(PeerLaterVersion, UnknownErrorCodeMeansOutcomeUnknown) {
  for (const int code : {0, 7, 15, 255}) {
    std::string frame = frame_of(Failure{});
    frame[7] = static_cast<char>(code);
    const Received received = receive(resealed(frame));
    ASSERT_TRUE(received.message);
    EXPECT_EQ(std::get<Failure>(*received.message).code, ErrorCode::outcome_unknown) << code;
  }
}

TEST(PeerCodec, NamesMessages) {
  EXPECT_EQ(name_of(Hello{}), "Hello");
  EXPECT_EQ(name_of(ValueReply{}), "ValueReply");
  EXPECT_EQ(name_of(Failure{}), "Failure");
}

}  // namespace
}  // namespace kith::wire::peer
