// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "edge/net/frame_reader.h"
#include "edge/net/frame_writer.h"
#include "wire/peer/codec.h"
#include "wire/peer/message.h"

namespace kith::edge {
namespace {

using wire::peer::Message;
using wire::peer::Ping;
using wire::peer::ValueReply;

Value random_value(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.next());
  return Value::adopt(std::move(bytes));
}

Message reply(std::uint64_t request, Value value) {
  ValueReply message;
  message.request = request;
  message.value = std::move(value);
  return message;
}

std::string bytes_of(const Message& message) {
  std::string bytes;
  const Value payload = wire::peer::encode(message, bytes);
  return bytes + payload.to_string();
}

/// Sizes around every boundary of the reader, and some beyond.
std::vector<std::size_t> interesting_sizes() {
  std::vector<std::size_t> sizes = {0, 1, 100, 5000, 300'000};
  for (const std::size_t limit : {FrameReader::kLongestMoved, FrameReader::kChunkBytes}) {
    for (const std::size_t below : {0u, 16u, 17u, 31u, 32u, 33u, 48u, 64u}) {
      sizes.push_back(limit - below);
      sizes.push_back(limit + below);
    }
  }
  return sizes;
}

/// Feeds a stream to a reader in pieces of the sizes that `piece` gives, and checks that the values
/// come out as they went in. All are kept to the end, so that memory written anew would show.
void expect_values_through(const std::vector<Value>& values,
                           const std::function<std::size_t()>& piece) {
  std::string stream;
  for (std::size_t i = 0; i < values.size(); ++i) stream += bytes_of(reply(i, values[i]));

  FrameReader reader;
  std::vector<Value> bodies;
  std::vector<std::string> headers;
  std::size_t at = 0;
  while (at < stream.size()) {
    const auto space = reader.space();
    ASSERT_FALSE(space.empty());
    const std::size_t size = std::min({piece(), space.size(), stream.size() - at});
    std::memcpy(space.data(), stream.data() + at, size);
    reader.commit(size);
    at += size;
    FrameReader::Frame frame;
    while (true) {
      const Result<bool> complete = reader.next(frame);
      ASSERT_TRUE(complete) << complete.error();
      if (!*complete) break;
      headers.emplace_back(reinterpret_cast<const char*>(frame.header.data()), frame.header.size());
      bodies.push_back(frame.share());
    }
  }

  EXPECT_FALSE(reader.has_partial_frame());
  ASSERT_EQ(bodies.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto header = std::as_bytes(std::span(headers[i]));
    const Result<Message> message = wire::peer::decode(header, bodies[i]);
    ASSERT_TRUE(message) << message.error();
    EXPECT_EQ(std::get<ValueReply>(*message).request, i);
    EXPECT_TRUE(std::get<ValueReply>(*message).value == values[i]) << "value " << i;
  }
}

TEST(FrameReaderTest, TakesOneByteAtATime) {
  Rng rng(1);
  std::vector<Value> values;
  for (const std::size_t size : {0u, 1u, 700u, 40'000u}) values.push_back(random_value(rng, size));
  expect_values_through(values, [] { return 1; });
}

TEST(FrameReaderTest, TakesAsMuchAsThereIs) {
  Rng rng(2);
  std::vector<Value> values;
  for (const std::size_t size : interesting_sizes()) values.push_back(random_value(rng, size));
  expect_values_through(values, [] { return std::size_t{1} << 30; });
}

TEST(FrameReaderTest, TakesAnySplit) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    std::vector<std::size_t> sizes = interesting_sizes();
    for (int i = 0; i < 40; ++i) sizes.push_back(rng.below(3000));
    rng.shuffle(std::span(sizes));
    std::vector<Value> values;
    for (const std::size_t size : sizes) values.push_back(random_value(rng, size));
    expect_values_through(values, [&] { return 1 + rng.below(1 + rng.below(70'000)); });
  }
}

std::size_t fill(FrameReader& reader, std::string_view bytes) {
  const auto space = reader.space();
  const std::size_t size = std::min(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), size);
  reader.commit(size);
  return size;
}

TEST(FrameReaderTest, UsesTheSameMemoryAgainWhenNobodyKeepsIt) {
  FrameReader reader;
  const std::byte* const memory = reader.space().data();
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(reader.space().data(), memory);
    fill(reader, bytes_of(Ping{1}));
    FrameReader::Frame frame;
    ASSERT_EQ(reader.next(frame), Result<bool>(true));
  }
}

TEST(FrameReaderTest, ReceivesTheRestOfALargeBodyInPlace) {
  Rng rng(3);
  const std::string stream = bytes_of(reply(1, random_value(rng, 200'000)));
  FrameReader reader;
  FrameReader::Frame frame;
  std::size_t at = fill(reader, stream);
  ASSERT_EQ(reader.next(frame), Result<bool>(false));
  const std::byte* const place = reader.space().data();
  at += fill(reader, std::string_view(stream).substr(at));
  ASSERT_EQ(at, stream.size());
  ASSERT_EQ(reader.next(frame), Result<bool>(true));
  EXPECT_GE(place, frame.body.data());
  EXPECT_LT(place, frame.body.data() + frame.body.size());
}

TEST(FrameReaderTest, RefusesALongerBodyThanAllowedWithoutReadingIt) {
  Rng rng(4);
  const std::string stream = bytes_of(reply(1, random_value(rng, 5000)));
  FrameReader reader(4096);
  fill(reader, std::string_view(stream).substr(0, wire::peer::kHeaderBytes));
  FrameReader::Frame frame;
  EXPECT_FALSE(reader.next(frame));
}

TEST(FrameReaderTest, RefusesGarbage) {
  FrameReader reader;
  fill(reader, std::string(100, 'x'));
  FrameReader::Frame frame;
  EXPECT_FALSE(reader.next(frame));
}

/// All that a writer has to send, taken in pieces of the sizes that `piece` gives.
std::string drained(FrameWriter& writer, const std::function<std::size_t()>& piece) {
  std::string out;
  std::array<FrameWriter::Bytes, 5> parts;
  while (writer.unsent_bytes() > 0) {
    const std::size_t count = writer.gather(parts);
    std::size_t left = piece();
    std::size_t sent = 0;
    for (std::size_t i = 0; i < count && left > 0; ++i) {
      const std::size_t size = std::min(left, parts[i].size());
      out.append(reinterpret_cast<const char*>(parts[i].data()), size);
      left -= size;
      sent += size;
    }
    writer.sent(sent);
  }
  return out;
}

TEST(FrameWriterTest, SendsAllInOrderWhateverTheSystemTakes) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    FrameWriter writer;
    std::string expected;
    std::string sent;
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 40; ++i) {
        const Message message = reply(rng.next(), random_value(rng, rng.below(6000)));
        writer.add(message);
        expected += bytes_of(message);
      }
      // Some rounds leave a rest for the next.
      std::array<FrameWriter::Bytes, 5> parts;
      const std::size_t count = writer.gather(parts);
      ASSERT_GT(count, 0u);
      const std::size_t size = rng.below(parts[0].size() + 1);
      sent.append(reinterpret_cast<const char*>(parts[0].data()), size);
      writer.sent(size);
      if (rng.chance(0.5)) sent += drained(writer, [&] { return 1 + rng.below(20'000); });
    }
    sent += drained(writer, [&] { return 1 + rng.below(20'000); });
    EXPECT_TRUE(sent == expected);
  }
}

TEST(FrameWriterTest, ForgetsWhatWasSentWhileMoreKeepsComing) {
  Rng rng(5);
  FrameWriter writer;
  std::string expected;
  std::string sent;
  for (int i = 0; i < 3000; ++i) {
    const Message message = reply(rng.next(), random_value(rng, rng.below(4000)));
    writer.add(message);
    expected += bytes_of(message);
    std::array<FrameWriter::Bytes, 1> part;
    if (writer.unsent_bytes() < 100'000) continue;
    writer.gather(part);
    sent.append(reinterpret_cast<const char*>(part[0].data()), part[0].size());
    writer.sent(part[0].size());
  }
  sent += drained(writer, [] { return std::size_t{1} << 30; });
  EXPECT_TRUE(sent == expected);
}

TEST(FrameWriterTest, DoesNotCopyLargeValues) {
  Rng rng(6);
  const Value value = random_value(rng, 100'000);
  FrameWriter writer;
  writer.add(reply(1, value));
  std::array<FrameWriter::Bytes, 4> parts;
  ASSERT_EQ(writer.gather(parts), 2u);
  EXPECT_EQ(parts[1].data(), value.data());
}

TEST(FrameWriterTest, LetsGoOfAValueOnceItWasSent) {
  Rng rng(7);
  const Value value = random_value(rng, 100'000);
  FrameWriter writer;
  writer.add(reply(1, value));
  EXPECT_FALSE(value.unique());
  drained(writer, [] { return 1000; });
  EXPECT_TRUE(value.unique());
}

}  // namespace
}  // namespace kith::edge
