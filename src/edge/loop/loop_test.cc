// SPDX-License-Identifier: Apache-2.0
#include "edge/loop/loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "edge/loop/clock.h"

namespace kith::edge {
namespace {

/// Runs a loop until a turn in which `step` says that it is enough.
class Turns final : public Loop::Owner {
 public:
  explicit Turns(std::function<bool(int turn)> step) : step_(std::move(step)) {}

  void run() { loop_.run(*this); }
  Loop& loop() { return loop_; }

 private:
  void end_of_turn() override {
    if (step_(++turns_)) loop_.stop();
  }

  Loop loop_;
  std::function<bool(int turn)> step_;
  int turns_ = 0;
};

TEST(LoopTest, EndsATurnAfterWhatWasPosted) {
  bool ran = false;
  bool ran_before_end = false;
  Turns turns([&](int) { return ran_before_end = ran; });
  turns.loop().post([&] { ran = true; });
  turns.run();
  EXPECT_TRUE(ran_before_end);
}

TEST(LoopTest, WakesFromAnotherThread) {
  Turns turns([](int) { return true; });
  std::thread other([&] { turns.loop().wake(); });
  turns.run();
  other.join();
}

TEST(LoopTest, EndsATurnWhenTheMomentHasCome) {
  const TimePoint at = clock_now() + std::chrono::milliseconds(20);
  Turns turns([&](int) { return turns.loop().now() >= at; });
  turns.loop().wake_at(at);
  turns.run();
  EXPECT_GE(clock_now(), at);
}

TEST(LoopTest, TakesTheEarlierOfTwoMoments) {
  const TimePoint start = clock_now();
  Turns turns([&](int) { return true; });
  turns.loop().wake_at(start + std::chrono::milliseconds(900));
  turns.loop().wake_at(start + std::chrono::milliseconds(10));
  turns.run();
  EXPECT_LT(clock_now() - start, std::chrono::milliseconds(900));
}

TEST(LoopTest, TellsOneTimeThroughoutATurn) {
  Turns turns([](int) { return true; });
  TimePoint first;
  TimePoint second;
  turns.loop().post([&] {
    first = turns.loop().now();
    while (clock_now() == first) {
    }
    second = turns.loop().now();
  });
  turns.run();
  EXPECT_EQ(first, second);
}

TEST(LoopTest, KnowsItsThread) {
  Turns turns([&](int) { return turns.loop().on_this_thread(); });
  EXPECT_FALSE(turns.loop().on_this_thread());
  turns.loop().wake();
  turns.run();
  EXPECT_FALSE(turns.loop().on_this_thread());
}

}  // namespace
}  // namespace kith::edge
