// SPDX-License-Identifier: Apache-2.0
// Stopping a node, and what remains of its caches; calls from a node's own threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/testing_kit.h"

namespace kith::api {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Stop, IsIdempotent) {
  Node node = start_node();
  node.stop();
  node.stop();
  EXPECT_EQ(code_of(node.open("c")), ErrorCode::cancelled);
}

TEST(Close, EndsWhatIsUnderWayAndLetsTheRestGoOn) {
  Node node = start_node();
  KeptReplies kept;
  Origin origin;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Cache other = open_cache(node, "d", {}, origin.loader());
  const Asked asked(cache, "k", {.timeout = hours(1)});
  const LoadReply reply = kept.wait().second;
  ASSERT_TRUE(node.close("c"));
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
  reply("late");
  EXPECT_EQ(code_of(cache.get("k")), ErrorCode::cancelled);
  EXPECT_EQ(cache.owner_of("k"), "");
  EXPECT_EQ(text_of(other.get("k", patient())), "k!");
  EXPECT_EQ(code_of(node.close("c")), ErrorCode::not_found);
}

TEST(Close, GivesTheMemoryBackAndTheNameFree) {
  Node node = start_node({.memory_bytes = 64_MiB});
  Origin origin;
  std::optional<Cache> cache = open_cache(node, "c", {.memory_bytes = 64_MiB}, origin.loader());
  EXPECT_EQ(text_of(cache->get("k", patient())), "k!");
  EXPECT_EQ(code_of(node.open("d", {.memory_bytes = 1_MiB})), ErrorCode::resource_exhausted);
  ASSERT_TRUE(node.close("c"));
  const Cache again = open_cache(node, "c", {.memory_bytes = 32_MiB}, origin.loader());
  EXPECT_FALSE(again.contains_local("k")) << "another cache of the same name";
  EXPECT_EQ(text_of(again.get("k", patient())), "k!");
  EXPECT_EQ(origin.loads("k"), 2);
  EXPECT_EQ(code_of(cache->get("k")), ErrorCode::cancelled);
  EXPECT_EQ(cache->stats().loads, 1u) << "what was counted stays readable";
}

class StopGrace : public ::testing::TestWithParam<Duration> {};
INSTANTIATE_TEST_SUITE_P(LongAndBoundless, StopGrace,
                         ::testing::Values(Duration(kPatience), Duration::max()));

TEST_P(StopGrace, LetsAGetInFlightFinish) {
  Node node = start_node({.stop_grace = GetParam()});
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k");
  const LoadReply reply = kept.wait().second;
  std::thread stopper([&] { node.stop(); });
  // Once new gets are refused, the node is stopping.
  EXPECT_TRUE(eventually([&] {
    return code_of(cache.get("other", {.timeout = milliseconds(1)})) == ErrorCode::cancelled;
  }));
  reply("in time");
  stopper.join();
  EXPECT_EQ(text_of(asked.wait()), "in time");
}

TEST(Stop, CancelsAGetInFlightAfterTheGrace) {
  Node node = start_node({.stop_grace = milliseconds(10)});
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k", {.timeout = hours(1)});
  kept.wait();
  node.stop();
  EXPECT_EQ(asked.times_called(), 1);
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
}

TEST(Stop, OfSeveralThreadsAtOnceReturnsWhenTheNodeHasStopped) {
  Node node = start_node({.stop_grace = milliseconds(200)});
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k", {.timeout = hours(1)});
  kept.wait();
  std::vector<std::thread> stoppers;
  std::atomic<int> ended_before_return = 0;
  for (int i = 0; i < 3; ++i) {
    stoppers.emplace_back([&] {
      node.stop();
      ended_before_return += asked.times_called();
    });
  }
  for (std::thread& stopper : stoppers) stopper.join();
  EXPECT_EQ(ended_before_return, 3);
}

TEST(Stop, OfManyNodesWithGetsUnderWayEndsEachGetOnce) {
  Origin origin;
  for (int round = 0; round < 10; ++round) {
    Node node = start_node({.stop_grace = Duration::zero()});
    const Cache cache = open_cache(node, "c", {}, origin.loader());
    std::vector<Asked> asked;
    std::thread asker([&] {
      for (int i = 0; i < 200; ++i) asked.emplace_back(cache, "key" + std::to_string(i));
    });
    node.stop();
    asker.join();
    for (const Asked& each : asked) {
      const auto answer = each.wait();
      EXPECT_TRUE(answer || answer.error().code == ErrorCode::cancelled) << message_of(answer);
      EXPECT_EQ(each.times_called(), 1);
    }
  }
}

class AfterStop : public ::testing::Test {
 protected:
  AfterStop() {
    EXPECT_TRUE(cache_.get("held", patient()));
    node_.stop();
  }
  Origin origin_;
  Node node_ = start_node();
  Cache cache_ = open_cache(node_, "c", {}, origin_.loader());
};

TEST_F(AfterStop, AGetOfAKeyNotHeldIsCancelled) {
  EXPECT_EQ(code_of(cache_.get("missing")), ErrorCode::cancelled);
}

TEST_F(AfterStop, AGetOfAKeyHeldIsCancelled) {
  EXPECT_EQ(code_of(cache_.get("held")), ErrorCode::cancelled);
}

TEST_F(AfterStop, GetAsyncIsCancelledBeforeItReturns) {
  const Asked asked(cache_, "missing");
  ASSERT_EQ(asked.times_called(), 1);
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
}

TEST_F(AfterStop, GetAsyncWithAStopTokenIsCancelled) {
  std::stop_source stop;
  const Asked asked(cache_, "missing", {.timeout = kPatience, .stop = stop.get_token()});
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
  stop.request_stop();
  EXPECT_EQ(asked.times_called(), 1);
}

TEST_F(AfterStop, GetManyIsCancelledForEachKey) {
  for (const auto& value : cache_.get_many(std::vector<std::string>{"held", "missing"})) {
    EXPECT_EQ(code_of(value), ErrorCode::cancelled);
  }
}

TEST_F(AfterStop, ChangingPeersIsCancelled) {
  EXPECT_EQ(code_of(node_.set_peers({})), ErrorCode::cancelled);
  EXPECT_EQ(code_of(node_.add_peer("127.0.0.1:1")), ErrorCode::cancelled);
}

TEST_F(AfterStop, AHandleOutlivesTheNodeItself) {
  std::optional<Node> node = start_node();
  const Cache cache = open_cache(*node, "c", {}, origin_.loader());
  node.reset();
  EXPECT_EQ(code_of(cache.get("k")), ErrorCode::cancelled);
  EXPECT_EQ(cache.name(), "c");
  EXPECT_EQ(cache.stats().gets_failed, 1u);
}

TEST(FromACallback, WhatWaitsForTheNodeIsRefused) {
  Origin origin;
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  Event done;
  std::vector<ErrorCode> codes;
  cache.get_async("k", [&](Result<Answer>) {
    codes.push_back(code_of(node.open("d")));
    codes.push_back(code_of(node.set_peers({})));
    codes.push_back(code_of(node.add_peer("127.0.0.1:1")));
    codes.push_back(code_of(node.remove_peer("127.0.0.1:1")));
    codes.push_back(code_of(node.wait_connected(milliseconds(1))));
    done.set();
  });
  ASSERT_TRUE(done.wait());
  EXPECT_THAT(codes, ::testing::Each(ErrorCode::failed_precondition));
}

TEST(FromACallback, TheLastHandleOfACacheMayGo) {
  Origin origin;
  Node node = start_node();
  std::optional<Cache> cache = open_cache(node, "c", {}, origin.loader());
  Event done;
  cache->get_async("k", [&](Result<Answer>) {
    cache.reset();
    done.set();
  });
  ASSERT_TRUE(done.wait());
  EXPECT_EQ(text_of(open_cache(node, "c").get("k", patient())), "k!");
}

}  // namespace
}  // namespace kith::api
