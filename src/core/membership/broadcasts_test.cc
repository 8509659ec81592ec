// SPDX-License-Identifier: Apache-2.0
#include "core/membership/broadcasts.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/membership/encoded_size.h"

namespace kith::membership {
namespace {

constexpr std::size_t kPlenty = 10'000;

std::string node_of(const Message& message) {
  if (const auto* dead = std::get_if<Dead>(&message)) return dead->node;
  return std::get<Suspect>(message).node;
}
std::vector<std::string> take(Broadcasts& queue, std::size_t free, std::uint32_t limit = 100) {
  std::vector<Message> packet;
  queue.take(free, limit, packet);
  std::vector<std::string> nodes;
  for (const Message& message : packet) nodes.push_back(node_of(message));
  return nodes;
}
using Nodes = std::vector<std::string>;

TEST(BroadcastsTest, NewsReplacesOlderNewsAboutTheSameNode) {
  Broadcasts queue(100);
  queue.queue("x", Suspect{1, "x", "a"});
  queue.queue("y", Suspect{1, "y", "a"});
  queue.queue("x", Dead{1, "x", "a"});
  std::vector<Message> packet;
  queue.take(kPlenty, 1, packet);
  ASSERT_EQ(packet.size(), 2u);
  for (const Message& message : packet) {
    EXPECT_EQ(std::holds_alternative<Dead>(message), node_of(message) == "x");
  }
}

TEST(BroadcastsTest, IsDroppedWhenSentOftenEnough) {
  Broadcasts queue(100);
  queue.queue("x", Suspect{1, "x", "a"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(take(queue, kPlenty, 3), Nodes{"x"});
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.contains("x"));
}

TEST(BroadcastsTest, LimitCountsAtTheTimeOfSending) {
  Broadcasts queue(100);
  queue.queue("x", Suspect{1, "x", "a"});
  take(queue, kPlenty, 8);
  take(queue, kPlenty, 8);
  EXPECT_EQ(take(queue, kPlenty, 2), Nodes{"x"}) << "a last time";
  EXPECT_TRUE(queue.empty());
}

TEST(BroadcastsTest, LeastSentThenLongestThenNewest) {
  Broadcasts queue(100);
  queue.queue("sent", Suspect{1, "sent", "a"});
  take(queue, kPlenty);
  queue.queue("b", Suspect{1, "b", "a"});
  queue.queue("c", Suspect{1, "c", "a"});
  queue.queue("long", Suspect{1, "long", "a"});
  EXPECT_EQ(take(queue, kPlenty), (Nodes{"long", "c", "b", "sent"}));
}

TEST(BroadcastsTest, WhatIsTooLongWaitsAndShorterOnesGo) {
  Broadcasts queue(100);
  queue.queue("long", Suspect{1, std::string(30, 'l'), "a"});
  queue.queue("s", Suspect{1, "s", "a"});
  const std::size_t room = encoded_size(Suspect{1, "s", "a"}) + Broadcasts::kPartOverhead;
  EXPECT_EQ(take(queue, room), Nodes{"s"});
  EXPECT_EQ(take(queue, room - 1), Nodes{});
  EXPECT_EQ(queue.size(), 2u);
}

TEST(BroadcastsTest, FullQueueDropsWhatWasSentMost) {
  Broadcasts queue(2);
  queue.queue("old", Suspect{1, "old", "a"});
  take(queue, kPlenty);
  queue.queue("b", Suspect{1, "b", "a"});
  queue.queue("c", Suspect{1, "c", "a"});
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_FALSE(queue.contains("old"));
}

TEST(BroadcastsTest, NewsAboutNobodyReplacesNothing) {
  Broadcasts queue(100);
  queue.queue("", Suspect{1, "1", "a"});
  queue.queue("", Suspect{1, "2", "a"});
  EXPECT_EQ(queue.size(), 2u);
}

RC_GTEST_PROP(BroadcastsProperty, KeepsToBudgetAndLimitAndNeverSaysWhatIsOld, ()) {
  Broadcasts queue(1000);
  const std::uint32_t limit = *rc::gen::inRange(1u, 6u);
  std::map<std::string, std::uint32_t> newest;
  std::map<std::string, std::uint32_t> sent;
  std::uint32_t incarnation = 0;
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12));
  for (const int step : steps) {
    if (step < 8) {
      const std::string node(static_cast<std::size_t>(step) + 1, 'n');
      queue.queue(node, Suspect{++incarnation, node, "a"});
      newest[node] = incarnation;
      sent[node] = 0;
      continue;
    }
    const auto free = static_cast<std::size_t>(step) * 20;
    std::vector<Message> packet;
    const std::size_t left = queue.take(free, limit, packet);
    std::size_t used = 0;
    for (const Message& message : packet) {
      used += encoded_size(message) + Broadcasts::kPartOverhead;
      const auto& suspect = std::get<Suspect>(message);
      RC_ASSERT(suspect.incarnation == newest[suspect.node]);
      RC_ASSERT(++sent[suspect.node] <= limit);
    }
    RC_ASSERT(used + left == free);
  }
  for (const auto& [node, times] : sent) RC_ASSERT(queue.contains(node) == (times < limit));
}

TEST(BroadcastsTest, WhatIsDroppedIsNotSent) {
  Broadcasts news(100);
  news.queue("a", User{"1"});
  news.queue("b", User{"2"});
  news.drop("a");
  news.drop("nobody");
  std::vector<Message> packet;
  news.take(1000, 4, packet);
  ASSERT_EQ(packet.size(), 1u);
  EXPECT_EQ(std::get<User>(packet[0]).payload, "2");
}

}  // namespace
}  // namespace kith::membership
