// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/waiters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;

TEST(Waiters, ExpireInTheOrderOfTheirDeadlines) {
  Waiters waiters;
  const auto late = waiters.add(Waiter::user(Ticket{1}, TimePoint(3s), false));
  const auto early = waiters.add(Waiter::user(Ticket{2}, TimePoint(1s), false));
  EXPECT_EQ(waiters.next_deadline(), TimePoint(1s));
  EXPECT_EQ(waiters.next_expired(TimePoint(3s)), early);
  EXPECT_EQ(waiters.next_expired(TimePoint(3s)), late);
  EXPECT_EQ(waiters.next_expired(TimePoint(3s)), std::nullopt);
}

TEST(Waiters, DoNotExpireOnceTaken) {
  Waiters waiters;
  const auto handle = waiters.add(Waiter::user(Ticket{1}, TimePoint(1s), false));
  ASSERT_TRUE(waiters.take(handle).has_value());
  EXPECT_FALSE(waiters.take(handle).has_value());
  EXPECT_EQ(waiters.next_expired(TimePoint(2s)), std::nullopt);
}

TEST(Waiters, AreFoundByWhoTheyAre) {
  Waiters waiters;
  const auto user = waiters.add(Waiter::user(Ticket{1}, TimePoint(1s), true));
  const auto node = waiters.add(Waiter::node(NodeId{7}, 42, TimePoint(1s)));
  EXPECT_EQ(waiters.find_withdrawable(Ticket{1}), user);
  EXPECT_EQ(waiters.find_remote(NodeId{7}, 42), node);
  EXPECT_EQ(waiters.find_remote(NodeId{8}, 42), std::nullopt);
  waiters.take(user);
  waiters.take(node);
  EXPECT_EQ(waiters.find_withdrawable(Ticket{1}), std::nullopt);
  EXPECT_EQ(waiters.find_remote(NodeId{7}, 42), std::nullopt);
}

TEST(DeadlineQueue, HoldsNoMoreDeadThanLiving) {
  DeadlineQueue<int> queue;
  for (int i = 0; i < 10'000; ++i) {
    queue.push(TimePoint(1s), i);
    queue.compact(1, [&](int id) { return id == i; });
  }
  EXPECT_LE(queue.size(), 70u);
}

TEST(DeadlineQueue, KeepsTheOrderOfEqualMoments) {
  DeadlineQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push(TimePoint(1s), i);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop_due(TimePoint(1s)), i);
}

}  // namespace
}  // namespace kith::fetch
