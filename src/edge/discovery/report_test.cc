// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "edge/discovery/backoff.h"

namespace kith::edge::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A listener that keeps what it is told, in words.
class Told {
 public:
  Discovery::Listener listener() {
    return {.on_seeds =
                [this](const std::vector<Seed>& seeds) {
                  std::string line = "seeds";
                  for (const Seed& seed : seeds) line += ' ' + seed.to_string();
                  lines_.push_back(line);
                },
            .on_trouble = [this](std::string_view why) { lines_.emplace_back(why); },
            .on_recovery = [this] { lines_.emplace_back("recovered"); }};
  }
  std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  std::vector<std::string> lines_;
};

const Seed kFirst{"10.0.0.1", 1};
const Seed kSecond{"10.0.0.2", 1};

TEST(Report, TellsChangesOnlySortedAndOnce) {
  Told told;
  Report report("source", told.listener());
  report.answered({{kSecond, kFirst, kSecond}, ""});
  EXPECT_THAT(told.take(), ElementsAre("seeds 10.0.0.1:1 10.0.0.2:1"));
  report.answered({{kFirst, kSecond}, ""});
  EXPECT_THAT(told.take(), IsEmpty());
  report.answered({{}, ""});
  EXPECT_THAT(told.take(), ElementsAre("seeds"));
}

TEST(Report, TheFirstAnswerIsAChangeEvenIfEmpty) {
  Told told;
  Report report("source", told.listener());
  report.answered({});
  EXPECT_THAT(told.take(), ElementsAre("seeds"));
}

TEST(Report, TellsTroubleOnceAndRecoveryOnce) {
  Told told;
  Report report("source", told.listener());
  report.trouble("a\nb");
  report.trouble("c");
  EXPECT_THAT(told.take(), ElementsAre("source: a?b"));
  report.answered({{kFirst}, ""});
  report.answered({{kFirst}, ""});
  EXPECT_THAT(told.take(), ElementsAre("seeds 10.0.0.1:1", "recovered"));
  report.trouble("d");
  EXPECT_THAT(told.take(), ElementsAre("source: d"));
}

TEST(Report, AComplaintIsTroubleBesideTheSeeds) {
  Told told;
  Report report("source", told.listener());
  report.answered({{kFirst}, "half of it"});
  report.answered({{kSecond}, "the other half"});
  EXPECT_THAT(told.take(),
              ElementsAre("seeds 10.0.0.1:1", "source: half of it", "seeds 10.0.0.2:1"));
}

TEST(Report, KeepsAsManySeedsAsItMay) {
  std::size_t size = 0;
  std::string why;
  Report report("source", {.on_seeds = [&](const std::vector<Seed>& seeds) { size = seeds.size(); },
                           .on_trouble = [&](std::string_view message) { why = message; }});
  Found found;
  for (std::size_t i = 0; i < kMaxSeeds + 5; ++i) {
    found.seeds.push_back({"host-" + std::to_string(i), 1});
  }
  report.answered(std::move(found));
  EXPECT_EQ(size, kMaxSeeds);
  EXPECT_EQ(why, "source: 16389 seeds, of which the first 16384 are used");
}

TEST(Report, AListenerMayBeEmptyOrThrow) {
  Report empty("source", {});
  empty.trouble("x");
  empty.answered({});
  int calls = 0;
  Report throwing("source", {.on_seeds = [&](const std::vector<Seed>&) {
                    ++calls;
                    throw std::runtime_error("a user's");
                  }});
  throwing.answered({});
  EXPECT_EQ(calls, 1);
}

TEST(MakeSeed, WritesNumbersInTheirShortestForm) {
  EXPECT_EQ(make_seed("2001:0DB8:0:0::1", 5).value(), (Seed{"2001:db8::1", 5}));
  EXPECT_EQ(make_seed("::ffff:10.0.0.1", 5).value(), (Seed{"::ffff:10.0.0.1", 5}));
  EXPECT_EQ(make_seed("10.0.0.1", 65535).value(), (Seed{"10.0.0.1", 65535}));
  EXPECT_EQ(make_seed("Cache_1.example.com", 5).value(), (Seed{"Cache_1.example.com", 5}));
}

TEST(MakeSeed, RefusesWhatNobodyCanBeReachedAt) {
  EXPECT_FALSE(make_seed("", 5));
  EXPECT_FALSE(make_seed("10.0.0.1", 0));
  EXPECT_FALSE(make_seed("10.0.0.1", 65536));
  EXPECT_FALSE(make_seed("a b", 5));
  EXPECT_FALSE(make_seed("a/b", 5));
  EXPECT_FALSE(make_seed(std::string_view("10.0.0.1\0x", 10), 5));
  EXPECT_FALSE(make_seed("fe80::1%eth0", 5));
  EXPECT_FALSE(make_seed(std::string(256, 'a'), 5));
}

TEST(Backoff, DoublesUpToTheLongestWithinAHalf) {
  Backoff backoff(1, std::chrono::seconds(30));
  Duration expected = std::chrono::milliseconds(250);
  for (int i = 0; i < 20; ++i) {
    const Duration pause = backoff.next();
    EXPECT_GE(pause, expected / 2) << i;
    EXPECT_LE(pause, expected * 3 / 2) << i;
    expected = std::min<Duration>(expected * 2, std::chrono::seconds(30));
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), std::chrono::milliseconds(375));
}

}  // namespace
}  // namespace kith::edge::discovery
