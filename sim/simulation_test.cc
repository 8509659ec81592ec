// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "sim/runner.h"

namespace kith::sim {
namespace {

TEST(Simulations, TheSameSeedLeavesTheSameTrace) {
  Views views;
  for (const Scenario& scenario : scenarios()) {
    const Outcome once = run(7, scenario, views, nullptr);
    const Outcome again = run(7, scenario, views, nullptr);
    EXPECT_EQ(once.trace_hash, again.trace_hash) << scenario.name;
  }
}

TEST(Simulations, OtherSeedsLeaveOtherTraces) {
  Views views;
  const Scenario& scenario = *find_scenario("mixed");
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    hashes.insert(run(seed, scenario, views, nullptr).trace_hash);
  }
  EXPECT_EQ(hashes.size(), 20u);
}

TEST(Simulations, ReadingTheTraceDoesNotChangeIt) {
  Views views;
  const Scenario& scenario = *find_scenario("mixed");
  std::ostringstream text;
  EXPECT_EQ(run(3, scenario, views, nullptr).trace_hash, run(3, scenario, views, &text).trace_hash);
  EXPECT_THAT(text.str(), ::testing::HasSubstr("link_up"));
}

TEST(Simulations, EveryScenarioHasItsShareOfTheSeeds) {
  std::set<std::string_view> names;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) names.insert(scenario_of(seed).name);
  EXPECT_EQ(names.size(), scenarios().size());
}

TEST(Simulations, TenThousandCallersCostOneLoad) {
  Views views;
  const Outcome outcome = run(1, *find_scenario("ten_thousand_callers"), views, nullptr);
  EXPECT_TRUE(outcome.passed());
  EXPECT_GE(outcome.requests, 10'000u);
  EXPECT_EQ(outcome.loads, 1u);
}

TEST(MissedMarks, AreThoseThatStayedAtZero) {
  MarkCounts counts;
  counts.fill(1);
  counts[static_cast<std::size_t>(Mark::ask_joined)] = 0;
  EXPECT_THAT(missed_marks(counts), ::testing::ElementsAre(Mark::ask_joined));
}

}  // namespace
}  // namespace kith::sim
