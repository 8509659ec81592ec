// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/lzw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "wire/gossip/checksum.h"
#include "wire/gossip/golden.h"

namespace kith::wire::gossip {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kPlenty = std::size_t{1} << 26;

// Letters at random, from a generator that any language can repeat.
std::string letters(std::size_t size) {
  std::string out;
  std::uint32_t x = 12345;
  for (std::size_t i = 0; i < size; ++i) {
    x = x * 1664525 + 1013904223;
    out.push_back(static_cast<char>('a' + (x >> 28)));
  }
  return out;
}

TEST(Lzw, WritesWhatGoWrites) {
  EXPECT_EQ(golden::hex(lzw_compress(std::string(1, '\0'))), "00010404");
  EXPECT_EQ(golden::hex(lzw_compress("")), "000302");
}

// The table begins anew on the way.
TEST(Lzw, WritesWhatGoWritesAcrossClears) {
  const std::string input = '\x08' + letters(20'000);
  ASSERT_EQ(crc32(input), 0xa6ea0e74u);
  const std::string output = lzw_compress(input);
  EXPECT_EQ(output.size(), 12'588u);
  EXPECT_EQ(crc32(output), 0x6aa89deau);
  EXPECT_EQ(golden::hex(output.substr(0, 8)), "001184099366cd1b");
  EXPECT_EQ(lzw_decompress(output, kPlenty), input);
}

// Every place where a width changes or the table ends is the end of some input.
TEST(Lzw, ReadsBackInputsOfEveryLength) {
  const std::string input = letters(9'000);
  for (std::size_t size = 0; size <= input.size(); size += size < 1'000 ? 1 : 7) {
    const std::string part = input.substr(0, size);
    ASSERT_EQ(lzw_decompress(lzw_compress(part), kPlenty), part) << size;
  }
}

RC_GTEST_PROP(Lzw, ReadsBackAnythingItWrote, (const std::string& piece)) {
  std::string input;
  for (const int times = *rc::gen::inRange(0, 200); input.size() < piece.size() * times;) {
    input += piece;
  }
  RC_ASSERT(lzw_decompress(lzw_compress(input), kPlenty) == input);
}

TEST(Lzw, StopsAtTheLimit) {
  const std::string input(100'000, 'A');
  const std::string output = lzw_compress(input);
  EXPECT_EQ(lzw_decompress(output, input.size()), input);
  const auto over = lzw_decompress(output, input.size() - 1);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::too_large);
}

// Writes codes of nine bits.
std::string codes(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  std::uint64_t bits = 0;
  unsigned count = 0;
  for (const std::uint32_t number : numbers) {
    bits |= std::uint64_t{number} << count;
    for (count += 9; count >= 8; count -= 8, bits >>= 8) {
      out.push_back(static_cast<char>(bits & 0xff));
    }
  }
  out.push_back(static_cast<char>(bits));
  return out;
}

constexpr std::uint32_t kClear = 256;
constexpr std::uint32_t kEnd = 257;

TEST(Lzw, ReadsTheCodeThatIsBeingDefined) {
  EXPECT_EQ(lzw_decompress(codes({kClear, 'a', 258, 259, kEnd}), kPlenty), "aaaaaa");
}

TEST(Lzw, NeedsNoClearAtTheFront) { EXPECT_EQ(lzw_decompress(codes({'a', kEnd}), kPlenty), "a"); }

TEST(Lzw, IgnoresWhatFollowsTheEnd) {
  EXPECT_EQ(lzw_decompress(codes({kClear, 'a', kEnd}) + "more", kPlenty), "a");
}

TEST(Lzw, RefusesCodesThatAreNotDefined) {
  for (const auto& numbers : {std::vector<std::uint32_t>{kClear, 258, kEnd},
                              {258, kEnd},
                              {kClear, 'a', 259, kEnd},
                              {kClear, 'a', 'b', kClear, 258, kEnd},
                              {kClear, 'a', 511, kEnd}}) {
    const auto read = lzw_decompress(codes(numbers), kPlenty);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(read.error().message, HasSubstr("not defined"));
  }
}

TEST(Lzw, RefusesInputThatEndsEarly) {
  const std::string output = lzw_compress(letters(5'000));
  for (std::size_t size = 0; size < output.size() - 1; size += 1 + size / 10) {
    ASSERT_FALSE(lzw_decompress(output.substr(0, size), kPlenty)) << size;
  }
}

// A full table keeps working without a clear; Go's writer never does this.
TEST(Lzw, KeepsAFullTable) {
  std::string bits;
  std::uint64_t pending = 0;
  unsigned count = 0;
  std::string expected;
  unsigned width = 9;
  std::uint32_t last = kEnd;
  const auto put = [&](std::uint32_t code) {
    pending |= std::uint64_t{code} << count;
    for (count += width; count >= 8; count -= 8, pending >>= 8) {
      bits.push_back(static_cast<char>(pending & 0xff));
    }
    if (last < 4095 && ++last == 1u << width && width < 12) ++width;
  };
  for (int i = 0; i < 5'000; ++i) {
    put(static_cast<std::uint32_t>('a' + i % 26));
    expected.push_back(static_cast<char>('a' + i % 26));
  }
  put(258);  // "ab", defined by the first two.
  expected += "ab";
  put(kEnd);
  bits.push_back(static_cast<char>(pending));
  EXPECT_EQ(lzw_decompress(bits, kPlenty), expected);
}

}  // namespace
}  // namespace kith::wire::gossip
