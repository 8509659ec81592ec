// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace kith::sim {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

TEST(World, RunsTasksInTheOrderOfTheirMoments) {
  World world;
  std::vector<int> ran;
  world.after(milliseconds(2), [&] { ran.push_back(2); });
  world.after(milliseconds(1), [&] { ran.push_back(1); });
  world.run_for(milliseconds(5));
  EXPECT_THAT(ran, ElementsAre(1, 2));
}

TEST(World, RunsTasksOfOneMomentInTheOrderOfSettingThem) {
  World world;
  std::vector<int> ran;
  for (int i = 0; i < 5; ++i) world.after(milliseconds(1), [&ran, i] { ran.push_back(i); });
  world.run_for(milliseconds(1));
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3, 4));
}

TEST(World, LeavesLaterTasksForLater) {
  World world;
  bool ran = false;
  world.after(milliseconds(2), [&] { ran = true; });
  const TimePoint begin = world.now();
  world.run_for(milliseconds(1));
  EXPECT_FALSE(ran);
  EXPECT_EQ(world.now(), begin + milliseconds(1));
}

TEST(World, RunsWhatATaskSets) {
  World world;
  TimePoint ran = {};
  const TimePoint begin = world.now();
  world.after(milliseconds(1), [&] { world.after(milliseconds(1), [&] { ran = world.now(); }); });
  world.run_for(milliseconds(3));
  EXPECT_EQ(ran, begin + milliseconds(2));
}

}  // namespace
}  // namespace kith::sim
