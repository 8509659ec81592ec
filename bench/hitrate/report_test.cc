// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/hitrate/options.h"

namespace kith::bench::hitrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Row row(const std::string& trace, double share, std::vector<double> ratios) {
  Row row{.trace = trace,
          .size = {.share = share},
          .share = share,
          .capacity = 10,
          .requests = 1000,
          .unique_objects = 100,
          .ratios = std::move(ratios),
          .used = {}};
  row.used.assign(row.ratios.size(), row.capacity);
  return row;
}

Report example() {
  return {.policies = {"kith", "LRU", "MIN"},
          .rows = {row("<a&b>", 0.1, {0.5, 0.25, 0.9}), row("two", 0.01, {0.125, 0.375, 0.8}),
                   row("two", 0.1, {0.25, 0.25, 0.75})}};
}

TEST(Report, ComparesWithTheBestThatIsNotTheOptimum) {
  const Report report = example();
  EXPECT_EQ(report.best(report.rows[0], false), 0u);
  EXPECT_EQ(report.best(report.rows[1], false), 1u);
  EXPECT_EQ(report.lead(report.rows[0]), 0.25);
  EXPECT_EQ(report.lead(report.rows[1]), -0.25);
}

TEST(Report, AveragesColumns) {
  const Report report = example();
  EXPECT_THAT(report.averages(report.rows_of(Measure::objects)),
              ElementsAre(0.875 / 3, 0.875 / 3, testing::DoubleEq(2.45 / 3)));
}

TEST(Report, AComparisonOfBytesIsTwoRows) {
  Trace trace("t");
  ASSERT_TRUE(trace.add(1, 30));
  ASSERT_TRUE(trace.add(2, 70));
  trace.finish();
  Report report{.policies = {"LRU"}, .rows = {}};
  report.add({.size = {.share = 0.5},
              .spec = *spec_of(trace, Bound::bytes, {.objects = 5}),
              .scores = {{.requests = 2, .hits = 1, .bytes = 100, .hit_bytes = 70, .used = 0}}});
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_EQ(report.rows[0].ratios[0], 0.5);
  EXPECT_EQ(report.rows[1].ratios[0], 0.7);
}

TEST(Table, MarksTheBestAndNamesTheWorst) {
  const std::string table = to_table(example());
  EXPECT_THAT(table, HasSubstr("0.1250       0.3750*      0.8000   -0.2500"));
  EXPECT_THAT(table,
              HasSubstr("-0.2500  two                      0.01     kith 0.1250, LRU 0.3750"));
  EXPECT_LT(table.find("\n0.01 ", table.find("averages")), table.find("\nall ")) << table;
}

TEST(Table, SaysWhereKithHeldMoreOrLessThanTheOthers) {
  Report report = example();
  report.rows[0].used[0] = 9;
  EXPECT_THAT(to_table(report), HasSubstr("note: kith held 90.0 % of the capacity"));
  for (std::uint64_t& used : report.rows[0].used) used = 9;
  EXPECT_THAT(to_table(report), testing::Not(HasSubstr("note:"))) << "the trace fills no cache";
}

TEST(Table, DoesWithoutKith) {
  EXPECT_THAT(to_table({.policies = {"LRU"}, .rows = {row("a", 0.1, {0.5})}}),
              testing::Not(HasSubstr("kith")));
}

TEST(Json, EscapesNames) {
  const std::string json = to_json(example(), "a \"machine\"\n");
  EXPECT_THAT(json, HasSubstr(R"("machine": "a \"machine\"\u000a")"));
  EXPECT_THAT(json, HasSubstr(R"("hit_ratio": {"kith": 0.5, "LRU": 0.25, "MIN": 0.9})"));
}

TEST(Svg, EscapesNamesAndHasALinePerPolicyAndTrace) {
  const std::string svg = to_svg(example());
  EXPECT_THAT(svg, HasSubstr("&lt;a&amp;b&gt;"));
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = svg.find("<polyline", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(lines, 6u);
}

TEST(CacheSizes, SmallOnesAreLeftOut) {
  Trace trace("t");
  for (std::uint64_t key = 0; key < 100; ++key) ASSERT_TRUE(trace.add(key));
  trace.finish();
  EXPECT_FALSE(spec_of(trace, Bound::objects, {.share = 0.04}));
  EXPECT_EQ(spec_of(trace, Bound::objects, {.share = 0.05})->capacity, 5u);
  EXPECT_EQ(spec_of(trace, Bound::objects, {.objects = 7})->capacity, 7u);
}

TEST(Run, GivesTheSameWithSeveralThreads) {
  Trace trace("t");
  for (std::uint64_t i = 0; i < 5000; ++i) ASSERT_TRUE(trace.add(i * i % 97));
  trace.finish();
  const std::vector<const PolicyKind*> kinds{policy_named("LRU"), policy_named("kith")};
  const CacheSpec spec = *spec_of(trace, Bound::objects, {.share = 0.5});
  std::vector<Comparison> alone{{.size = {.share = 0.5}, .spec = spec, .scores = {}}};
  std::vector<Comparison> together = alone;
  run(kinds, alone, 1);
  run(kinds, together, 2);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(alone[0].scores[i].hits, together[0].scores[i].hits);
  }
}

Result<Options> parsed(std::vector<std::string> arguments) { return parse_options(arguments); }

TEST(Options, Defaults) {
  const auto options = parsed({"a.u64"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->files, ElementsAre("a.u64"));
  EXPECT_EQ(options->sizes.size(), 3u);
  EXPECT_EQ(options->policies.front()->name, "kith");
  EXPECT_EQ(options->policies.back()->name, "MIN");
}

TEST(Options, WrongOnesSaySo) {
  const auto message = [](std::vector<std::string> arguments) {
    const auto options = parsed(std::move(arguments));
    return options ? "no error" : options.error().message;
  };
  EXPECT_THAT(message({}), HasSubstr("no trace"));
  EXPECT_THAT(message({"a", "--sizes", "0.1,x"}), HasSubstr("--sizes 'x'"));
  EXPECT_THAT(message({"a", "--sizes", "1.5"}), HasSubstr("--sizes '1.5'"));
  EXPECT_THAT(message({"a", "--objects", "0"}), HasSubstr("--objects '0'"));
  EXPECT_THAT(message({"a", "--policies", "FIFO"}), HasSubstr("--policies 'FIFO'"));
  EXPECT_THAT(message({"a", "--format", "pcap"}), HasSubstr("--format 'pcap'"));
  EXPECT_THAT(message({"a", "--jobs", "0"}), HasSubstr("--jobs '0'"));
  EXPECT_THAT(message({"a", "--shards", "3"}), HasSubstr("--shards '3'"));
  EXPECT_THAT(message({"a", "--json"}), HasSubstr("needs a value"));
  EXPECT_THAT(message({"a", "--frob"}), HasSubstr("unknown option '--frob'"));
}

}  // namespace
}  // namespace kith::bench::hitrate
