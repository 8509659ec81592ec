// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/load_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

const auto kAll = [](LoadQueue::Handle, Priority) { return true; };

TEST(LoadQueue, ServesByPriorityThenByAge) {
  LoadQueue queue;
  const TimePoint now(1s);
  queue.push(1, Priority::refresh, now);
  queue.push(2, Priority::remote, now);
  queue.push(3, Priority::local, now);
  queue.push(4, Priority::local, now);
  EXPECT_EQ(queue.pop(now, true, kAll), 3u);
  EXPECT_EQ(queue.pop(now, true, kAll), 4u);
  EXPECT_EQ(queue.pop(now, true, kAll), 2u);
  EXPECT_EQ(queue.pop(now, true, kAll), 1u);
  EXPECT_EQ(queue.pop(now, true, kAll), std::nullopt);
}

TEST(LoadQueue, HoldsLastResortsBackWhenTold) {
  LoadQueue queue;
  queue.push(1, Priority::last_resort, TimePoint(1s));
  EXPECT_EQ(queue.pop(TimePoint(1s), false, kAll), std::nullopt);
  EXPECT_EQ(queue.pop(TimePoint(1s), true, kAll), 1u);
}

TEST(LoadQueue, SkipsThoseThatNoLongerWait) {
  LoadQueue queue;
  for (LoadQueue::Handle h = 1; h <= 4; ++h) queue.push(h, Priority::local, TimePoint(1s));
  const std::set<LoadQueue::Handle> waiting{2, 3};
  const auto waits = [&](LoadQueue::Handle h, Priority) { return waiting.contains(h); };
  EXPECT_EQ(queue.pop(TimePoint(1s), true, waits), 2u);
  EXPECT_EQ(queue.pop(TimePoint(1s), true, waits), 3u);
}

/// One load arrives and one leaves every millisecond, so that a queue of `length` stands.
LoadQueue standing_queue(int length, Duration time) {
  LoadQueue queue;
  TimePoint now(1s);
  LoadQueue::Handle next = 1;
  for (int i = 0; i < length; ++i) queue.push(next++, Priority::local, now);
  for (const TimePoint end = now + time; now < end; now += 1ms) {
    queue.push(next++, Priority::local, now);
    queue.pop(now, true, kAll);
  }
  return queue;
}

TEST(LoadQueue, StaysFairInAShortQueueAndInAShortBurst) {
  EXPECT_FALSE(standing_queue(3, 1s).newest_first());
  EXPECT_FALSE(standing_queue(50, 90ms).newest_first());
}

TEST(LoadQueue, ServesTheNewestFirstInAStandingQueue) {
  LoadQueue queue = standing_queue(50, 1s);
  EXPECT_TRUE(queue.newest_first());
  queue.push(999'999, Priority::local, TimePoint(2s));
  EXPECT_EQ(queue.pop(TimePoint(2s), true, kAll), 999'999u);
}

TEST(LoadQueue, IsFairAgainOnceDrained) {
  LoadQueue queue = standing_queue(50, 1s);
  while (queue.pop(TimePoint(2s), true, kAll)) {
  }
  queue.push(1, Priority::local, TimePoint(3s));
  queue.push(2, Priority::local, TimePoint(3s));
  EXPECT_EQ(queue.pop(TimePoint(3s), true, kAll), 1u);
}

}  // namespace
}  // namespace kith::fetch
