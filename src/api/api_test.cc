// SPDX-License-Identifier: Apache-2.0
// One node: gets, opening, starting, memory, statistics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "api/testing_kit.h"

namespace kith::api {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class OneNode : public ::testing::Test {
 protected:
  Origin origin_;
  Node node_ = start_node();
  Cache cache_ = open_cache(node_, "c", {}, origin_.loader());
};

// Gets

TEST_F(OneNode, AFillComesFromTheOriginAndAHitFromMemory) {
  const auto fill = cache_.fetch("k", patient());
  EXPECT_EQ(text_of(fill), "k!");
  EXPECT_EQ(fill->source, Source::origin);
  const auto hit = cache_.fetch("k", patient());
  EXPECT_EQ(text_of(hit), "k!");
  EXPECT_EQ(hit->source, Source::local);
  EXPECT_EQ(hit->version, fill->version);
  EXPECT_EQ(origin_.loads("k"), 1);
}

TEST_F(OneNode, ConcurrentGetsOfAKeyLoadItOnce) {
  KeptReplies kept;
  const Cache cache = open_cache(node_, "kept", {}, kept.loader());
  std::vector<Asked> asked;
  for (int i = 0; i < 20; ++i) asked.emplace_back(cache, "k");
  kept.wait().second("v");
  for (const Asked& each : asked) EXPECT_EQ(text_of(each.wait()), "v");
  EXPECT_EQ(kept.count(), 1u);
}

TEST_F(OneNode, TwoHitsShareTheBytes) {
  ASSERT_TRUE(cache_.get("k", patient()));
  EXPECT_EQ((*cache_.get("k"))->data(), (*cache_.get("k"))->data());
}

TEST_F(OneNode, AVisitorSeesFillsAndHits) {
  for (int i = 0; i < 2; ++i) {
    std::string seen;
    int calls = 0;
    const auto there = cache_.get(
        "k",
        [&](std::span<const std::byte> bytes) {
          ++calls;
          seen.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        },
        patient());
    ASSERT_TRUE(there);
    EXPECT_TRUE(*there);
    EXPECT_EQ(seen, "k!");
    EXPECT_EQ(calls, 1);
  }
  EXPECT_EQ(origin_.loads("k"), 1);
  EXPECT_EQ(cache_.stats().gets_local, 1u);
  EXPECT_EQ(cache_.stats().gets_origin, 1u);
}

TEST_F(OneNode, AVisitorIsNotCalledForWhatIsNotThere) {
  const Cache cache = open_cache(
      node_, "empty", {}, Loader([](const LoadRequest&) -> LoadResult { return NotFound{}; }));
  const auto visit = [](std::span<const std::byte>) { ADD_FAILURE(); };
  for (int i = 0; i < 2; ++i) {
    const auto there = cache.get("k", visit, patient());
    ASSERT_TRUE(there);
    EXPECT_FALSE(*there);
  }
  EXPECT_EQ(cache.get("", visit).error().code, ErrorCode::invalid_argument);
}

TEST_F(OneNode, WhatAVisitorThrowsComesThrough) {
  ASSERT_TRUE(cache_.get("k", patient()));
  const auto visit = [](std::span<const std::byte>) { throw std::runtime_error("enough"); };
  EXPECT_THROW((void)cache_.get("k", visit), std::runtime_error);
  EXPECT_EQ(text_of(cache_.fetch("k")), "k!");
}

TEST_F(OneNode, CompressedValuesReadAsTheyWere) {
  CacheOptions options;
  options.compress = true;
  const std::string text = [] {
    std::string all;
    for (int i = 0; i < 100; ++i) all += R"({"id":)" + std::to_string(i) + R"(,"name":"n"})";
    return all;
  }();
  const Cache cache = open_cache(node_, "compressed", options,
                                 Loader([text](const LoadRequest& request) -> LoadResult {
                                   return text + std::string(request.key);
                                 }));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(cache.get("k" + std::to_string(i), patient()));
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i);
    EXPECT_EQ((*cache.get(key))->view(), text + key);
    std::string seen;
    ASSERT_TRUE(cache.get(key, [&](std::span<const std::byte> bytes) {
      seen.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }));
    EXPECT_EQ(seen, text + key);
  }
  EXPECT_LT(cache.stats().bytes, 200 * text.size() / 2);
}

TEST_F(OneNode, ACacheIsGivenMoreOrLessMemoryWhileItIsOpen) {
  CacheOptions options;
  options.memory_bytes = 4_MiB;
  const std::string value(10'000, 'v');
  const Cache cache =
      open_cache(node_, "resized", options,
                 Loader([value](const LoadRequest&) -> LoadResult { return value; }));
  const auto fill = [&] {
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(cache.get("k" + std::to_string(i), patient()));
  };
  fill();
  const std::uint64_t before = cache.stats().entries;
  ASSERT_TRUE(node_.resize("resized", 1_MiB));
  EXPECT_TRUE(eventually([&] { return cache.stats().memory_bytes <= 1_MiB; }));
  EXPECT_LT(cache.stats().entries, before / 2);
  ASSERT_TRUE(node_.resize("resized", 16_MiB));
  fill();
  EXPECT_EQ(cache.stats().entries, 1000u);
  EXPECT_EQ(node_.resize("resized", 1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(node_.resize("none", 1_MiB).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(node_.resize("resized", 1_GiB * 1024).error().code, ErrorCode::resource_exhausted);
}

TEST_F(OneNode, PeekNeverFills) {
  EXPECT_FALSE(cache_.peek("k"));
  EXPECT_EQ(origin_.loads(), 0);
  ASSERT_TRUE(cache_.get("k", patient()));
  ASSERT_TRUE(cache_.peek("k"));
  EXPECT_EQ(cache_.peek("k")->view(), "k!");
}

TEST_F(OneNode, ContainsLocalNeverFills) {
  EXPECT_FALSE(cache_.contains_local("k"));
  EXPECT_EQ(origin_.loads(), 0);
  ASSERT_TRUE(cache_.get("k", patient()));
  EXPECT_TRUE(cache_.contains_local("k"));
}

TEST_F(OneNode, PeekAndContainsLocalOfAnEmptyKeyFindNothing) {
  EXPECT_FALSE(cache_.peek(""));
  EXPECT_FALSE(cache_.contains_local(""));
}

TEST_F(OneNode, OwnsEveryKey) {
  EXPECT_EQ(cache_.owner_of("k"), node_.address());
  EXPECT_EQ(cache_.owner_of(""), node_.address());
}

TEST_F(OneNode, ATimeoutThatIsNotPositiveIsRefused) {
  for (const Duration timeout : {Duration::zero(), Duration(-1), Duration::min()}) {
    const auto value = cache_.get("k", {.timeout = timeout});
    EXPECT_EQ(code_of(value), ErrorCode::invalid_argument);
    EXPECT_THAT(message_of(value), HasSubstr("timeout"));
  }
  EXPECT_EQ(origin_.loads(), 0);
}

TEST_F(OneNode, ABoundlessTimeoutIsNoPastDeadline) {
  EXPECT_EQ(text_of(cache_.get("k", {.timeout = Duration::max()})), "k!");
}

TEST_F(OneNode, AWrongGetAsyncIsToldBeforeItReturns) {
  const Asked asked(cache_, "");
  ASSERT_EQ(asked.times_called(), 1);
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::invalid_argument);
}

TEST_F(OneNode, AHitOfGetAsyncIsToldBeforeItReturns) {
  ASSERT_TRUE(cache_.get("k", patient()));
  EXPECT_EQ(Asked(cache_, "k").times_called(), 1);
}

TEST_F(OneNode, ACallbackThatThrowsHarmsNobody) {
  Event called;
  cache_.get_async("k", [=](Result<Answer>) {
    called.set();
    throw 42;
  });
  ASSERT_TRUE(called.wait());
  EXPECT_EQ(text_of(cache_.get("other", patient())), "other!");
}

TEST_F(OneNode, ABlockingMissFromACallbackIsRefused) {
  Event done;
  Result<std::optional<Value>> inner = std::optional<Value>();
  std::vector<Result<std::optional<Value>>> inner_many;
  cache_.get_async("outer", [&](Result<Answer>) {
    inner = cache_.get("inner");
    inner_many = cache_.get_many(std::vector<std::string>{"outer", "inner"});
    done.set();
  });
  ASSERT_TRUE(done.wait());
  EXPECT_EQ(code_of(inner), ErrorCode::failed_precondition);
  EXPECT_EQ(text_of(inner_many.at(0)), "outer!");
  EXPECT_EQ(code_of(inner_many.at(1)), ErrorCode::failed_precondition);
}

TEST_F(OneNode, GetAsyncFromACallbackWorks) {
  Event done;
  Result<Answer> inner = fail(ErrorCode::internal, "not asked");
  cache_.get_async("outer", [&](Result<Answer>) {
    cache_.get_async("inner", [&](Result<Answer> answer) {
      inner = std::move(answer);
      done.set();
    });
  });
  ASSERT_TRUE(done.wait());
  EXPECT_EQ(text_of(inner), "inner!");
}

TEST_F(OneNode, AStopTokenEndsAGetAsCancelled) {
  KeptReplies kept;
  const Cache cache = open_cache(node_, "kept", {}, kept.loader());
  std::stop_source stop;
  Result<std::optional<Value>> value = std::optional<Value>();
  std::thread caller(
      [&] { value = cache.get("k", {.timeout = kPatience, .stop = stop.get_token()}); });
  kept.wait();
  stop.request_stop();
  caller.join();
  EXPECT_EQ(code_of(value), ErrorCode::cancelled);
}

TEST_F(OneNode, AStopTokenThatIsSetAlreadyCancelsAMissOnly) {
  KeptReplies kept;
  const Cache cache = open_cache(node_, "kept", {}, kept.loader());
  ASSERT_TRUE(cache_.get("k", patient()));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(text_of(cache_.get("k", {.stop = stop.get_token()})), "k!");
  EXPECT_EQ(code_of(cache.get("k", {.stop = stop.get_token()})), ErrorCode::cancelled);
}

TEST_F(OneNode, AStopTokenSetAfterTheAnswerChangesNothing) {
  std::stop_source stop;
  const Asked asked(cache_, "k", {.timeout = kPatience, .stop = stop.get_token()});
  EXPECT_EQ(text_of(asked.wait()), "k!");
  stop.request_stop();
  EXPECT_EQ(text_of(cache_.get("other", patient())), "other!");
  EXPECT_EQ(asked.times_called(), 1);
}

// Bounds

TEST_F(OneNode, AValueOverTheLimitIsRefusedWithBothSizes) {
  const Cache cache = open_cache(node_, "small", {.memory_bytes = 1_MiB, .max_value_bytes = 10},
                                 [](const LoadRequest& request) -> LoadResult {
                                   return request.key == "large" ? "01234567890" : "0123456789";
                                 });
  const auto large = cache.get("large", patient());
  EXPECT_EQ(code_of(large), ErrorCode::too_large);
  EXPECT_THAT(message_of(large), AllOf(HasSubstr("11"), HasSubstr("max_value_bytes is 10")));
  EXPECT_EQ(text_of(cache.get("fits", patient())), "0123456789");
}

TEST_F(OneNode, AValueLargerThanTheCacheIsAnsweredAndNotKept) {
  const Cache cache = open_cache(node_, "small", {.memory_bytes = 64_KiB},
                                 [](const LoadRequest&) { return std::string(1_MiB, 'x'); });
  const auto value = cache.get("k", patient());
  ASSERT_TRUE(value) << value.error();
  EXPECT_EQ((*value)->size(), 1_MiB);
  EXPECT_FALSE(cache.contains_local("k"));
}

TEST_F(OneNode, AValueOutlivesEvictionCacheAndNode) {
  std::optional<Value> value;
  {
    Node node = start_node();
    const Cache cache = open_cache(node, "c", {.memory_bytes = 64_KiB}, [](const LoadRequest& r) {
      return std::string(4096, r.key.back());
    });
    value = **cache.get("a", patient());
    for (int i = 0; cache.contains_local("a") && i < 10'000; ++i) {
      // Twice each, so that they are more popular than the first.
      ASSERT_TRUE(cache.get("key" + std::to_string(i), patient()));
      ASSERT_TRUE(cache.get("key" + std::to_string(i), patient()));
    }
    EXPECT_FALSE(cache.contains_local("a"));
    EXPECT_GT(cache.stats().evictions, 0u);
  }
  EXPECT_EQ(value->view(), std::string(4096, 'a'));
}

TEST_F(OneNode, MoreLoadsThanMayWaitAreRefused) {
  KeptReplies kept;
  const Cache cache =
      open_cache(node_, "kept", {.max_concurrent_loads = 1, .max_queued_loads = 1}, kept.loader());
  const Asked running(cache, "running");
  kept.wait();
  const Asked waiting(cache, "waiting");
  EXPECT_EQ(code_of(cache.get("refused", patient())), ErrorCode::resource_exhausted);
  EXPECT_EQ(cache.stats().refused_busy, 1u);
  kept.wait(0).second("1");
  kept.wait(1).second("2");
  EXPECT_EQ(text_of(running.wait()), "1");
  EXPECT_EQ(text_of(waiting.wait()), "2");
}

// Statistics

TEST_F(OneNode, EveryGetIsCountedOnce) {
  const Cache cache = open_cache(node_, "counted", {.negative_ttl = hours(1)},
                                 [](const LoadRequest& request) -> LoadResult {
                                   if (request.key == "none") return NotFound{};
                                   if (request.key == "bad") throw 42;
                                   return "v";
                                 });
  int gets = 0;
  for (const char* key : {"a", "a", "a", "none", "none", "bad"}) {
    ++gets;
    (void)cache.get(key, patient());
  }
  const std::vector<std::string> keys{"a", "b", "none", "bad", ""};
  gets += static_cast<int>(keys.size());
  (void)cache.get_many(keys, patient());
  gets += 4;
  (void)cache.get("", patient());
  (void)cache.fetch("a", {.timeout = Duration::zero()});
  (void)Asked(cache, "").wait();
  (void)Asked(cache, "a").wait();
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.gets_local, 4u);
  EXPECT_EQ(stats.gets_origin, 2u);
  EXPECT_EQ(stats.gets_absent, 3u);
  EXPECT_EQ(stats.gets_failed, 6u);
  EXPECT_EQ(stats.gets_local + stats.gets_mirror + stats.gets_peer + stats.gets_origin +
                stats.gets_stale + stats.gets_failed + stats.gets_absent,
            static_cast<std::uint64_t>(gets));
}

TEST_F(OneNode, LoadsAndEntriesAreCounted) {
  for (const char* key : {"a", "b", "a"}) ASSERT_TRUE(cache_.get(key, patient()));
  const CacheStats stats = cache_.stats();
  EXPECT_EQ(stats.loads, 2u);
  EXPECT_EQ(stats.loads_failed, 0u);
  EXPECT_EQ(stats.entries, 2u);
  EXPECT_GT(stats.bytes, 4u);
}

TEST_F(OneNode, PeekAndContainsLocalAreNoGets) {
  ASSERT_TRUE(cache_.get("k", patient()));
  (void)cache_.peek("k");
  (void)cache_.contains_local("k");
  EXPECT_EQ(cache_.stats().gets_local, 0u);
}

// Opening

TEST_F(OneNode, OpeningAgainWithTheSameOptionsIsTheSameCache) {
  const Cache again = open_cache(node_, "c");
  ASSERT_TRUE(cache_.get("k", patient()));
  EXPECT_TRUE(again.contains_local("k"));
  EXPECT_EQ(again.name(), "c");
}

TEST_F(OneNode, OpeningAgainWithOtherOptionsNamesTheField) {
  const auto other = node_.open("c", {.negative_ttl = hours(1)});
  EXPECT_EQ(code_of(other), ErrorCode::already_exists);
  EXPECT_THAT(message_of(other),
              AllOf(HasSubstr("\"c\""), HasSubstr("negative_ttl is 1000 ms there"),
                    HasSubstr("3600000 ms here")));
}

TEST_F(OneNode, OpeningWithAWrongOptionNamesTheField) {
  const auto wrong = node_.open("d", {.memory_bytes = 0});
  EXPECT_EQ(code_of(wrong), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(wrong), HasSubstr("memory_bytes is 0"));
}

TEST_F(OneNode, OpeningWithABadNameIsRefused) {
  const auto wrong = node_.open("a b");
  EXPECT_EQ(code_of(wrong), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(wrong), HasSubstr("\"a b\""));
}

TEST_F(OneNode, CachesOfTwoNamesShareNothing) {
  const Cache other = open_cache(node_, "d", {}, [](const LoadRequest&) { return "other"; });
  EXPECT_EQ(text_of(cache_.get("k", patient())), "k!");
  EXPECT_EQ(text_of(other.get("k", patient())), "other");
}

TEST(NodeMemory, CannotBeGivenOutTwice) {
  Node node = start_node({.memory_bytes = 2_MiB});
  open_cache(node, "a", {.memory_bytes = 1_MiB});
  const auto refused = node.open("b", {.memory_bytes = 1_MiB + 1});
  EXPECT_EQ(code_of(refused), ErrorCode::resource_exhausted);
  EXPECT_THAT(message_of(refused), HasSubstr("memory_bytes is 1048577"));
  EXPECT_TRUE(node.open("b", {.memory_bytes = 1_MiB}));
}

// Starting

TEST(NodeStart, NamesTheFieldThatIsWrong) {
  const auto wrong = Node::start({.loops = 0});
  EXPECT_EQ(code_of(wrong), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(wrong), HasSubstr("loops is 0"));
}

TEST(NodeStart, APortInUseIsUnavailableAndNamed) {
  Node node = start_node();
  const auto second = Node::start({.listen = node.address()});
  EXPECT_EQ(code_of(second), ErrorCode::unavailable);
  EXPECT_THAT(message_of(second), HasSubstr(node.address()));
}

TEST(NodeStart, AnAddressOfAnotherMachineIsUnavailableAndNamed) {
  const auto elsewhere = Node::start({.listen = "192.0.2.1:0", .insecure = true});
  EXPECT_EQ(code_of(elsewhere), ErrorCode::unavailable);
  EXPECT_THAT(message_of(elsewhere), HasSubstr("192.0.2.1"));
}

TEST(NodeStart, PortZeroBecomesARealPort) {
  Node node = start_node();
  EXPECT_THAT(node.address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
}

TEST(NodeStart, TheAdvertisedAddressIsTheName) {
  Node node = start_node({.listen = "0.0.0.0:0", .advertise = "10.1.2.3:7400", .insecure = true});
  EXPECT_EQ(node.address(), "10.1.2.3:7400");
}

TEST(NodeStart, WithoutListeningServesItself) {
  Origin origin;
  Node node = start_node({.listen = ""});
  EXPECT_EQ(text_of(open_cache(node, "c", {}, origin.loader()).get("k", patient())), "k!");
}

TEST(NodeStart, TwoNodesOfOneProcessShareNothing) {
  Origin first;
  Origin second;
  Node a = start_node();
  Node b = start_node();
  const Cache in_a = open_cache(a, "c", {}, first.loader());
  const Cache in_b = open_cache(b, "c", {}, second.loader());
  ASSERT_TRUE(in_a.get("k", patient()));
  EXPECT_FALSE(in_b.contains_local("k"));
  ASSERT_TRUE(in_b.get("k", patient()));
  EXPECT_EQ(second.loads("k"), 1);
}

}  // namespace
}  // namespace kith::api
