// SPDX-License-Identifier: Apache-2.0
// Loaders that answer one key a call: what they may do wrong, and what that does to others.
#include <kith/loader.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "api/testing_kit.h"

namespace kith::api {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// For a get that nobody answers.
GetOptions brief() { return {.timeout = milliseconds(50)}; }

/// Loads a value for every key but those that begin with "hang", which it never answers before
/// `release`, whatever its stop token says.
Loader hanging_loader(const Event& release) {
  return [release](const LoadRequest& request) -> LoadResult {
    if (request.key.starts_with("hang")) release.wait();
    return Origin::value_of(request.key);
  };
}

// What loaders answer

TEST(SyncLoader, ItsErrorReachesTheCallerAsLoaderFailed) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [](const LoadRequest&) -> LoadResult {
    return Error{ErrorCode::unavailable, "the database sleeps", false};
  });
  const auto value = cache.get("k", patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_EQ(message_of(value), "the database sleeps");
}

TEST(SyncLoader, ItsErrorReachesTheCallerOnAnotherNode) {
  auto cluster = start_cluster(2);
  const auto caches = open_everywhere(cluster, "c", {}, [](const LoadRequest&) -> LoadResult {
    return Error{ErrorCode::unavailable, "the database sleeps", false};
  });
  const auto value = caches[0].get(key_owned_by(cluster.node(1), caches[0]), patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_EQ(message_of(value), "the database sleeps");
}

TEST(SyncLoader, AnExceptionReachesTheCallerWithItsText) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [](const LoadRequest&) -> LoadResult {
    throw std::runtime_error("no such table");
  });
  const auto value = cache.get("k", patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(value), HasSubstr("no such table"));
}

TEST(SyncLoader, ALongExceptionReachesAnotherNodeCutShort) {
  auto cluster = start_cluster(2);
  const auto caches = open_everywhere(cluster, "c", {}, [](const LoadRequest&) -> LoadResult {
    throw std::runtime_error("too long " + std::string(1 << 20, 'x'));
  });
  const auto value = caches[0].get(key_owned_by(cluster.node(1), caches[0]), patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(value), HasSubstr("too long"));
}

TEST(SyncLoader, WhatIsNoStdExceptionIsCaughtToo) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [](const LoadRequest&) -> LoadResult { throw 42; });
  EXPECT_EQ(code_of(cache.get("k", patient())), ErrorCode::loader_failed);
}

TEST(SyncLoader, ErrorsAreNotCached) {
  std::atomic<bool> broken = true;
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [&](const LoadRequest&) -> LoadResult {
    if (broken) return Error{ErrorCode::unavailable, "down", false};
    return "up";
  });
  EXPECT_EQ(code_of(cache.get("k", patient())), ErrorCode::loader_failed);
  broken = false;
  // A failed key is left alone for a moment before its loader is tried again.
  EXPECT_TRUE(eventually([&] { return text_of(cache.get("k", patient())) == "up"; }));
}

TEST(SyncLoader, SeesTheKeyAndADeadlineInTheFuture) {
  Node node = start_node();
  std::string key;
  std::chrono::steady_clock::duration left{};
  const Cache cache =
      open_cache(node, "c", {.load_timeout = hours(1)}, [&](const LoadRequest& request) {
        key = request.key;
        left = request.deadline - std::chrono::steady_clock::now();
        return "v";
      });
  EXPECT_EQ(text_of(cache.get("the key", patient())), "v");
  EXPECT_EQ(key, "the key");
  EXPECT_GT(left, std::chrono::minutes(59));
  EXPECT_LE(left, hours(1));
}

TEST(SyncLoader, ABoundlessLoadTimeoutIsADeadlineInTheFuture) {
  Node node = start_node();
  std::atomic<bool> in_future = false;
  const Cache cache =
      open_cache(node, "c", {.load_timeout = Duration::max()}, [&](const LoadRequest& request) {
        in_future = request.deadline > std::chrono::steady_clock::now() + hours(24);
        return "v";
      });
  EXPECT_EQ(text_of(cache.get("k", patient())), "v");
  EXPECT_TRUE(in_future);
}

TEST(NotFound, IsAnEmptyAnswerAndNoError) {
  Node node = start_node();
  const Cache cache =
      open_cache(node, "c", {}, [](const LoadRequest&) -> LoadResult { return NotFound{}; });
  const auto value = cache.get("k", patient());
  ASSERT_TRUE(value) << value.error();
  EXPECT_FALSE(value->has_value());
  EXPECT_EQ(cache.stats().gets_absent, 1u);
}

TEST(NotFound, IsRememberedForTheNegativeTtl) {
  Node node = start_node();
  std::atomic<int> loads = 0;
  const Cache cache =
      open_cache(node, "c", {.negative_ttl = hours(1)}, [&](const LoadRequest&) -> LoadResult {
        ++loads;
        return NotFound{};
      });
  EXPECT_EQ(text_of(cache.get("k", patient())), "nothing");
  EXPECT_EQ(text_of(cache.get("k", patient())), "nothing");
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(cache.stats().gets_absent, 2u);
}

TEST(NotFound, IsNotRememberedWithANegativeTtlOfZero) {
  Node node = start_node();
  std::atomic<bool> exists = false;
  const Cache cache = open_cache(node, "c", {.negative_ttl = Duration::zero()},
                                 [&](const LoadRequest&) -> LoadResult {
                                   if (exists) return "born";
                                   return NotFound{};
                                 });
  EXPECT_EQ(text_of(cache.get("k", patient())), "nothing");
  exists = true;
  EXPECT_EQ(text_of(cache.get("k", patient())), "born");
}

TEST(NotFound, IsNotSeenByPeekNorContainsLocal) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {.negative_ttl = hours(1)},
                                 [](const LoadRequest&) -> LoadResult { return NotFound{}; });
  EXPECT_EQ(text_of(cache.get("k", patient())), "nothing");
  EXPECT_FALSE(cache.peek("k"));
  EXPECT_FALSE(cache.contains_local("k"));
}

TEST(NotFound, IsTheAnswerOfACacheWithoutLoader) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c");
  EXPECT_EQ(text_of(cache.get("k", patient())), "nothing");
}

TEST(Loaded, TagsAndTtlAreAccepted) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [](const LoadRequest&) -> LoadResult {
    return Loaded{.value = Value::copy_of("v"), .ttl = hours(1), .tags = {"red", "", "blue"}};
  });
  EXPECT_EQ(text_of(cache.get("k", patient())), "v");
  EXPECT_EQ(cache.fetch("k", patient())->source, Source::local);
}

TEST(Loaded, IsLoadedAgainAfterItsTtl) {
  Node node = start_node();
  std::atomic<int> loads = 0;
  const Cache cache =
      open_cache(node, "c", {.early_refresh = 0}, [&](const LoadRequest&) -> LoadResult {
        return Loaded{.value = Value::adopt(std::to_string(++loads)), .ttl = milliseconds(20)};
      });
  EXPECT_EQ(text_of(cache.get("k", patient())), "1");
  EXPECT_TRUE(eventually([&] { return text_of(cache.get("k", patient())) != "1"; }));
}

TEST(Loaded, ATtlThatIsNotPositiveAnswersButIsNotKept) {
  Node node = start_node();
  for (const Duration ttl : {Duration::zero(), Duration(-1), Duration::min()}) {
    std::atomic<int> loads = 0;
    const Cache cache = open_cache(node, "ttl/" + std::to_string(ttl.count() + 1),
                                   {.memory_bytes = 1_MiB}, [&](const LoadRequest&) -> LoadResult {
                                     return Loaded{Value::adopt(std::to_string(++loads)), ttl};
                                   });
    EXPECT_EQ(text_of(cache.get("k", patient())), "1");
    EXPECT_EQ(text_of(cache.get("k", patient())), "2");
    EXPECT_FALSE(cache.contains_local("k"));
  }
}

TEST(Loaded, AStaleValueIsServedWhileTheLoaderFails) {
  Node node = start_node();
  std::atomic<int> loads = 0;
  const Cache cache =
      open_cache(node, "c", {.stale_if_error = hours(1), .early_refresh = 0},
                 [&](const LoadRequest&) -> LoadResult {
                   if (++loads > 1) return Error{ErrorCode::unavailable, "down", false};
                   return Loaded{.value = Value::copy_of("old"), .ttl = milliseconds(5)};
                 });
  EXPECT_EQ(text_of(cache.get("k", patient())), "old");
  Result<Answer> answer = fail(ErrorCode::internal, "never asked");
  ASSERT_TRUE(eventually([&] {
    answer = cache.fetch("k", patient());
    return !answer || answer->stale;
  }));
  EXPECT_EQ(text_of(answer), "old");
  EXPECT_GE(cache.stats().gets_stale, 1u);
}

// Loaders that do not answer as they should

TEST(AsyncLoader, AnswersFromAnotherThread) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k");
  std::thread([reply = kept.wait().second] { reply("later"); }).join();
  EXPECT_EQ(text_of(asked.wait()), "later");
}

TEST(AsyncLoader, AnswersBeforeItReturns) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, Loader::async([](const auto& request, auto reply) {
                                   reply(Origin::value_of(request.key));
                                 }));
  EXPECT_EQ(text_of(cache.get("k", patient())), "k!");
}

TEST(AsyncLoader, AnExceptionReachesTheCallerWithItsText) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, Loader::async([](const auto&, auto) {
                                   throw std::runtime_error("no such table");
                                 }));
  const auto value = cache.get("k", patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(value), HasSubstr("no such table"));
}

TEST(AsyncLoader, ThatNeverAnswersEndsTheGetAtItsTimeout) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  EXPECT_EQ(code_of(cache.get("k", brief())), ErrorCode::timed_out);
}

TEST(AsyncLoader, ThatNeverAnswersLeavesOtherKeysAlone) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {.max_concurrent_loads = 1}, kept.loader());
  EXPECT_EQ(code_of(cache.get("silent", brief())), ErrorCode::timed_out);
  const Asked other(cache, "other");
  const auto [request, reply] = kept.wait(1);
  EXPECT_EQ(request.key, "other");
  reply("here");
  EXPECT_EQ(text_of(other.wait()), "here");
}

TEST(AsyncLoader, ThatNeverAnswersIsLoaderFailedAtTheLoadTimeout) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {.load_timeout = milliseconds(50)}, kept.loader());
  const auto value = cache.get("k", patient());
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(value), HasSubstr("50 ms"));
}

TEST(AsyncLoader, AnAnswerAfterTheLoadTimeoutIsDroppedAndCounted) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {.load_timeout = milliseconds(50)}, kept.loader());
  EXPECT_EQ(code_of(cache.get("k", patient())), ErrorCode::loader_failed);
  kept.wait().second("too late");
  EXPECT_TRUE(eventually([&] { return cache.stats().loads_late_answers == 1; }));
  EXPECT_FALSE(cache.contains_local("k"));
}

TEST(AsyncLoader, OfTwoAnswersTheFirstCounts) {
  Node node = start_node();
  const Cache cache =
      open_cache(node, "c", {}, Loader::async([](const auto&, const LoadReply& reply) {
                   reply("first");
                   reply("second");
                 }));
  EXPECT_EQ(text_of(cache.get("k", patient())), "first");
  EXPECT_TRUE(eventually([&] { return cache.stats().loads_late_answers == 1; }));
  EXPECT_EQ(text_of(cache.get("k", patient())), "first");
}

TEST(AsyncLoader, DroppingTheReplyIsAnErrorAtOnce) {
  Node node = start_node();
  const Cache cache =
      open_cache(node, "c", {.load_timeout = hours(1)}, Loader::async([](const auto&, auto) {}));
  const auto value = cache.get("k", {.timeout = hours(1)});
  EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(value), HasSubstr("dropped"));
}

TEST(AsyncLoader, DroppingTheReplyLaterIsAnErrorAtOnce) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {.load_timeout = hours(1)}, kept.loader());
  const Asked asked(cache, "k", {.timeout = hours(1)});
  kept.wait();
  kept.drop();
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::loader_failed);
}

TEST(AsyncLoader, ThatThrowsCountsNoLateAnswer) {
  Node node = start_node();
  const Cache cache =
      open_cache(node, "c", {}, Loader::async([](const LoadRequest& request, auto reply) {
                   if (request.key == "bad") throw std::runtime_error("no");
                   reply("fine");
                 }));
  EXPECT_EQ(code_of(cache.get("bad", patient())), ErrorCode::loader_failed);
  // Outcomes are taken in order: what follows the throw has been seen once this one is.
  EXPECT_EQ(text_of(cache.get("good", patient())), "fine");
  EXPECT_EQ(text_of(cache.get("better", patient())), "fine");
  EXPECT_EQ(cache.stats().loads_late_answers, 0u);
}

TEST(AsyncLoader, AReplyMayOutliveTheNode) {
  KeptReplies kept;
  {
    Node node = start_node({.stop_grace = Duration::zero()});
    const Cache cache = open_cache(node, "c", {}, kept.loader());
    const Asked asked(cache, "k");
    kept.wait();
    node.stop();
    EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
  }
  kept.wait().second("nobody is there");
  kept.drop();
}

// Stop tokens

TEST(StopToken, IsSetWhenTheOnlyWaiterIsGone) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k", brief());
  const LoadRequest request = kept.wait().first;
  Event stopped;
  const std::stop_callback watch(request.stop, [&] { stopped.set(); });
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::timed_out);
  EXPECT_TRUE(stopped.wait());
  EXPECT_EQ(cache.stats().loads_cancelled, 1u);
}

TEST(StopToken, IsNotSetWhileAnotherWaits) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  std::stop_source leave;
  const Asked first(cache, "k", {.timeout = kPatience, .stop = leave.get_token()});
  const auto [request, reply] = kept.wait();
  const Asked second(cache, "k");
  ASSERT_TRUE(eventually([&] { return cache.stats().loads_shared == 1; }));
  leave.request_stop();
  EXPECT_EQ(code_of(first.wait()), ErrorCode::cancelled);
  EXPECT_FALSE(request.stop.stop_requested());
  reply("v");
  EXPECT_EQ(text_of(second.wait()), "v");
}

TEST(StopToken, IsSetAtTheOwnerWhenTheWaiterOnAnotherNodeIsGone) {
  auto cluster = start_cluster(2);
  KeptReplies kept;
  const auto caches = open_everywhere(cluster, "c", {}, kept.loader());
  std::stop_source leave;
  const Asked asked(caches[0], key_owned_by(cluster.node(1), caches[0]),
                    {.timeout = kPatience, .stop = leave.get_token()});
  const LoadRequest request = kept.wait().first;
  Event stopped;
  const std::stop_callback watch(request.stop, [&] { stopped.set(); });
  leave.request_stop();
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
  EXPECT_TRUE(stopped.wait());
}

TEST(StopToken, IsSetWhenTheNodeStops) {
  Node node = start_node({.stop_grace = Duration::zero()});
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked asked(cache, "k");
  const LoadRequest request = kept.wait().first;
  node.stop();
  EXPECT_TRUE(request.stop.stop_requested());
}

// Loaders that hang

TEST(HungLoader, DoesNotWedgeOtherKeys) {
  Event release;
  Node node = start_node({.loader_threads = 2});
  const Cache cache = open_cache(node, "c", {}, hanging_loader(release));
  for (const char* key : {"hang1", "hang2", "hang3", "hang4"}) {
    EXPECT_EQ(code_of(cache.get(key, brief())), ErrorCode::timed_out) << key;
  }
  EXPECT_EQ(text_of(cache.get("other", patient())), "other!");
  release.set();
}

TEST(HungLoader, DoesNotWedgeOtherCaches) {
  Event release;
  Origin origin;
  Node node = start_node({.loader_threads = 1});
  const Cache hung = open_cache(node, "hung", {}, hanging_loader(release));
  const Cache other = open_cache(node, "other", {}, origin.loader());
  EXPECT_EQ(code_of(hung.get("hang", brief())), ErrorCode::timed_out);
  EXPECT_EQ(text_of(other.get("k", patient())), "k!");
  release.set();
}

TEST(HungLoader, IsLeftBehindByStop) {
  Event release;
  Event entered;
  Node node = start_node({.stop_grace = milliseconds(1)});
  const Cache cache = open_cache(node, "c", {}, [=](const LoadRequest&) -> LoadResult {
    entered.set();
    release.wait();
    return "too late";
  });
  const Asked asked(cache, "k");
  ASSERT_TRUE(entered.wait());
  node.stop();
  EXPECT_EQ(code_of(asked.wait()), ErrorCode::cancelled);
  release.set();
}

TEST(Loader, MayGetFromTheCacheItself) {
  Node node = start_node();
  std::optional<Cache> cache;
  cache = open_cache(node, "c", {}, [&](const LoadRequest& request) -> LoadResult {
    if (request.key == "leaf") return "leaf";
    return text_of(cache->get("leaf", patient())) + " of the tree";
  });
  EXPECT_EQ(text_of(cache->get("tree", patient())), "leaf of the tree");
}

}  // namespace
}  // namespace kith::api
