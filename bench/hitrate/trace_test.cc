// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A file of this test, with that content.
std::string file_of(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + "hitrate_" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

Trace loaded(const std::string& name, const std::string& content, std::string_view format = "") {
  auto trace = load_trace(file_of(name, content), format);
  if (trace) return *std::move(trace);
  ADD_FAILURE() << trace.error();
  return Trace("failed");
}

std::string error_of(const std::string& name, const std::string& content,
                     std::string_view format = "") {
  const auto trace = load_trace(file_of(name, content), format);
  return trace ? "no error" : trace.error().message;
}

std::string bytes_of(std::uint64_t number, int count, bool big_endian) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>(number >> 8 * (big_endian ? count - 1 - i : i));
  }
  return bytes;
}

std::string compressed(const std::string& bytes) {
  std::string out(::ZSTD_compressBound(bytes.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

TEST(TraceFormat, U64) {
  const Trace trace =
      loaded("a.u64", bytes_of(1, 8, false) + bytes_of(0x1122334455667788, 8, false));
  EXPECT_THAT(trace.keys(), ElementsAre(1u, 0x1122334455667788u));
  EXPECT_EQ(trace.name(), "hitrate_a");
  EXPECT_FALSE(trace.has_sizes());
}

TEST(TraceFormat, TextOfKeys) {
  const Trace trace = loaded("a.txt", "# comment\n7\n\n 18446744073709551615 \r\nword\nword");
  ASSERT_EQ(trace.requests(), 4u);
  EXPECT_EQ(trace.key(0), 7u);
  EXPECT_EQ(trace.key(1), UINT64_MAX);
  EXPECT_EQ(trace.key(2), trace.key(3));
}

TEST(TraceFormat, TextOfKeysAndSizes) {
  const Trace trace = loaded("a.txt", "1 100\n2,50\n1\t70\n3 0\n");
  EXPECT_THAT(trace.keys(), ElementsAre(1u, 2u, 1u, 3u));
  EXPECT_TRUE(trace.has_sizes());
  EXPECT_EQ(trace.size(2), 100u) << "the size of its first request";
  EXPECT_EQ(trace.size(3), 1u) << "at least one byte";
  EXPECT_EQ(trace.unique_objects(), 3u);
  EXPECT_EQ(trace.unique_bytes(), 151u);
}

TEST(TraceFormat, Oracle) {
  const auto record = [](std::uint64_t key, std::uint64_t size) {
    return bytes_of(99, 4, false) + bytes_of(key, 8, false) + bytes_of(size, 4, false) +
           bytes_of(UINT64_MAX, 8, false);
  };
  const Trace trace = loaded("a.oracleGeneral", record(5, 4096) + record(6, 1));
  EXPECT_THAT(trace.keys(), ElementsAre(5u, 6u));
  EXPECT_EQ(trace.size(0), 4096u);
}

TEST(TraceFormat, ArcRuns) {
  const Trace trace = loaded("a.lis", "10 3 0 1\n7 1 0 2\n");
  EXPECT_THAT(trace.keys(), ElementsAre(10u, 11u, 12u, 7u));
}

TEST(TraceFormat, LirsSkipsStars) {
  EXPECT_THAT(loaded("a.trc", "3\n*\n4\n\n3\n").keys(), ElementsAre(3u, 4u, 3u));
}

TEST(TraceFormat, GradleFoldsTheHalves) {
  const Trace trace = loaded("a.gradle", "000000000000000f0000000000000001\nff\n");
  EXPECT_THAT(trace.keys(), ElementsAre(0xeu, 0xffu));
}

TEST(TraceFormat, Address) {
  EXPECT_THAT(loaded("a.address", "s 0x1fffff50 1\nl 0x10 0\n").keys(),
              ElementsAre(0x1fffff50u, 0x10u));
}

TEST(TraceFormat, BigEndian) {
  EXPECT_THAT(loaded("a.corda", bytes_of(77, 8, true)).keys(), ElementsAre(77u));
  EXPECT_THAT(loaded("a.cache2k", bytes_of(77, 4, true) + bytes_of(78, 4, true)).keys(),
              ElementsAre(77u, 78u));
}

TEST(TraceFormat, TheOptionOverridesTheName) {
  EXPECT_THAT(loaded("a.trc", "1 2 0 0\n", "arc").keys(), ElementsAre(1u, 2u));
}

TEST(Compressed, IsReadAcrossChunks) {
  std::string text;
  for (int i = 0; i < 500'000; ++i) text += std::to_string(i % 1000) + "\n";
  const Trace trace = loaded("a.txt.zst", compressed(text));
  EXPECT_EQ(trace.name(), "hitrate_a");
  EXPECT_EQ(trace.requests(), 500'000u);
  EXPECT_EQ(trace.unique_objects(), 1000u);
}

TEST(Compressed, RecordsLieAcrossChunksAndFrames) {
  std::string records;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    records += bytes_of(i, 4, false) + bytes_of(i, 8, false) + bytes_of(10, 4, false) +
               bytes_of(0, 8, false);
  }
  // The first frame ends within a record.
  const Trace trace = loaded("a.oracleGeneral.zst", compressed(records.substr(0, 1'000'001)) +
                                                        compressed(records.substr(1'000'001)));
  ASSERT_EQ(trace.requests(), 100'000u);
  EXPECT_EQ(trace.key(99'999), 99'999u);
  EXPECT_EQ(trace.unique_bytes(), 1'000'000u);
}

TEST(BadTrace, SaysWhere) {
  EXPECT_THAT(error_of("b.u64", "12345678123"), HasSubstr("b.u64: byte 8: the last record has 3"));
  EXPECT_THAT(error_of("b.oracleGeneral", "short"), HasSubstr("byte 0: the last record has 5"));
  EXPECT_THAT(error_of("b.trc", "1\n2x\n"), HasSubstr("b.trc: line 2: '2x' is not a block number"));
  EXPECT_THAT(error_of("b.trc", "-1\n"), HasSubstr("line 1: '-1'"));
  EXPECT_THAT(error_of("b.lis", "1\n"), HasSubstr("line 1: '' is not a number of blocks"));
  EXPECT_THAT(error_of("b.lis", "1 99999999999 0 0\n"), HasSubstr("too many"));
  EXPECT_THAT(error_of("b.lis", "18446744073709551615 2 0 0\n"), HasSubstr("too many"));
  EXPECT_THAT(error_of("b.gradle", "xyz\n"), HasSubstr("line 1: 'xyz'"));
  EXPECT_THAT(error_of("b.gradle", std::string(33, 'a')), HasSubstr("up to 128 bits"));
  EXPECT_THAT(error_of("b.address", "l 1234\n"), HasSubstr("'1234' is not an address"));
  EXPECT_THAT(error_of("b.txt", "1 2\n3\n"), HasSubstr("line 2: no size"));
  EXPECT_THAT(error_of("b.txt", "1\n3 4\n"), HasSubstr("line 2: a size"));
  EXPECT_THAT(error_of("b.txt", "1 2 3\n"), HasSubstr("third column, '3'"));
  EXPECT_THAT(error_of("b.txt", "1 99999999999\n"), HasSubstr("not a size of 32 bits"));
  EXPECT_THAT(error_of("b.txt", std::string(LineReader::kMaxLineBytes + 1, 'x')),
              HasSubstr("too long for a line"));
}

TEST(BadTrace, EmptyUnknownOrMissing) {
  EXPECT_THAT(error_of("b.u64", ""), HasSubstr("no requests"));
  EXPECT_THAT(error_of("b.xyz", "1"), HasSubstr("does not tell the format"));
  EXPECT_THAT(error_of("b.u64", "12345678", "nonsense"), HasSubstr("unknown format 'nonsense'"));
  const auto missing = load_trace("/nowhere/a.u64", "");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("/nowhere/a.u64: No such file"));
}

TEST(BadTrace, CompressedBytes) {
  EXPECT_THAT(error_of("b.u64.zst", "this is not zstd"), HasSubstr("not zstd"));
  const std::string whole = compressed(std::string(80'000, 'x'));
  EXPECT_THAT(error_of("b.u64.zst", whole.substr(0, whole.size() - 2)),
              HasSubstr("ends within a zstd frame"));
}

}  // namespace
}  // namespace kith::bench::hitrate
