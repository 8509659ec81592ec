// SPDX-License-Identifier: Apache-2.0
// Batch loaders, and get_many, which feeds them.
#include <kith/loader.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/testing_kit.h"
#include "base/mutex.h"

namespace kith::api {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

using Keys = std::vector<std::string>;

/// A batch loader that writes down the keys of each call. Copies are the same.
class BatchOrigin {
 public:
  Loader loader(std::size_t max_keys = 256) const {
    return Loader::batch(
        [calls = calls_](std::span<const LoadRequest> requests) {
          Keys keys;
          std::vector<LoadResult> results;
          for (const LoadRequest& request : requests) {
            keys.push_back(request.key);
            results.emplace_back(Origin::value_of(request.key));
          }
          calls->add(std::move(keys));
          return results;
        },
        max_keys);
  }
  std::vector<Keys> calls() const {
    MutexLock lock(&calls_->mutex);
    return calls_->calls;
  }

 private:
  struct Calls {
    void add(Keys keys) {
      MutexLock lock(&mutex);
      calls.push_back(std::move(keys));
    }
    Mutex mutex;
    std::vector<Keys> calls ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

/// A batch loader that gives `answered` answers, whatever it is asked.
Loader miscounting_loader(std::size_t answered) {
  return Loader::batch([answered](std::span<const LoadRequest>) {
    return std::vector<LoadResult>(answered, LoadResult("v"));
  });
}

Keys some_keys(int count) {
  Keys keys;
  for (int i = 0; i < count; ++i) keys.push_back("key" + std::to_string(i));
  return keys;
}

std::vector<std::string> texts_of(const std::vector<Result<std::optional<Value>>>& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(text_of(value));
  return texts;
}

std::vector<std::string> values_of(const Keys& keys) {
  std::vector<std::string> values;
  for (const std::string& key : keys) values.push_back(Origin::value_of(key));
  return values;
}

// Batch loaders

TEST(BatchLoader, GetsAllMissingKeysOfOneGetManyInOneCall) {
  Node node = start_node();
  BatchOrigin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  ASSERT_EQ(text_of(cache.get("key3", patient())), "key3!");
  const Keys keys = some_keys(100);
  EXPECT_EQ(texts_of(cache.get_many(keys, patient())), values_of(keys));
  const auto calls = origin.calls();
  ASSERT_THAT(calls, SizeIs(2));
  Keys missing = keys;
  missing.erase(missing.begin() + 3);
  EXPECT_THAT(calls[1], UnorderedElementsAreArray(missing));
}

TEST(BatchLoader, AtTheOwnerGetsAllKeysOfOneGetManyElsewhereInOneCall) {
  auto cluster = start_cluster(2);
  BatchOrigin origin;
  const auto caches = open_everywhere(cluster, "c", {}, origin.loader());
  Keys keys;
  for (int i = 0; i < 32; ++i) keys.push_back(key_owned_by(cluster.node(1), caches[0], i));
  EXPECT_EQ(texts_of(caches[0].get_many(keys, patient())), values_of(keys));
  const auto calls = origin.calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_THAT(calls[0], UnorderedElementsAreArray(keys));
}

TEST(BatchLoader, GetsAtMostMaxKeysACall) {
  Node node = start_node();
  BatchOrigin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader(4));
  const Keys keys = some_keys(10);
  EXPECT_EQ(texts_of(cache.get_many(keys, patient())), values_of(keys));
  std::multiset<std::size_t> sizes;
  for (const Keys& call : origin.calls()) sizes.insert(call.size());
  EXPECT_THAT(sizes, ElementsAre(2, 4, 4));
}

TEST(BatchLoader, OfOneKeyACallIsABatchLoaderStill) {
  Node node = start_node();
  BatchOrigin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader(0));
  const Keys keys = some_keys(3);
  EXPECT_EQ(texts_of(cache.get_many(keys, patient())), values_of(keys));
  EXPECT_THAT(origin.calls(), SizeIs(3));
}

TEST(BatchLoader, WithTooFewAnswersFailsTheRest) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, miscounting_loader(2));
  const auto values = cache.get_many(some_keys(3), patient());
  EXPECT_EQ(text_of(values[0]), "v");
  EXPECT_EQ(text_of(values[1]), "v");
  EXPECT_EQ(code_of(values[2]), ErrorCode::loader_failed);
  EXPECT_THAT(message_of(values[2]), HasSubstr("2 of 3 keys"));
}

TEST(BatchLoader, WithNoAnswersFailsAll) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, miscounting_loader(0));
  for (const auto& value : cache.get_many(some_keys(3), patient())) {
    EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
  }
}

TEST(BatchLoader, WithTooManyAnswersHasTheOthersIgnored) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, miscounting_loader(7));
  EXPECT_THAT(texts_of(cache.get_many(some_keys(3), patient())), ElementsAre("v", "v", "v"));
  EXPECT_EQ(cache.stats().entries, 3u);
}

TEST(BatchLoader, AnExceptionFailsEveryKeyWithItsText) {
  Node node = start_node();
  const Cache cache = open_cache(
      node, "c", {}, Loader::batch([](std::span<const LoadRequest>) -> std::vector<LoadResult> {
        throw std::runtime_error("no such table");
      }));
  for (const auto& value : cache.get_many(some_keys(3), patient())) {
    EXPECT_EQ(code_of(value), ErrorCode::loader_failed);
    EXPECT_THAT(message_of(value), HasSubstr("no such table"));
  }
}

TEST(BatchLoader, AnswersEachKeyInItsOwnWay) {
  Node node = start_node();
  const Cache cache =
      open_cache(node, "c", {}, Loader::batch([](std::span<const LoadRequest> requests) {
                   std::vector<LoadResult> results;
                   for (const LoadRequest& request : requests) {
                     if (request.key == "bad") {
                       results.emplace_back(Error{ErrorCode::unavailable, "down", false});
                     } else if (request.key == "none") {
                       results.emplace_back(NotFound{});
                     } else {
                       results.emplace_back(Origin::value_of(request.key));
                     }
                   }
                   return results;
                 }));
  EXPECT_THAT(texts_of(cache.get_many(Keys{"a", "bad", "none", "b"}, patient())),
              ElementsAre("a!", "loader_failed: down", "nothing", "b!"));
}

// get_many

TEST(GetMany, AnswersInTheOrderOfTheKeys) {
  auto cluster = start_cluster(3);
  Origin origin;
  const auto caches = open_everywhere(cluster, "c", {}, origin.loader());
  Keys keys = some_keys(200);
  ASSERT_EQ(text_of(caches[0].get(keys[7], patient())), "key7!");
  EXPECT_EQ(texts_of(caches[0].get_many(keys, patient())), values_of(keys));
  EXPECT_EQ(origin.loads(), 200);
}

TEST(GetMany, AnswersAKeyAsOftenAsItIsAsked) {
  Node node = start_node();
  Origin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  EXPECT_THAT(texts_of(cache.get_many(Keys{"a", "b", "a", "a"}, patient())),
              ElementsAre("a!", "b!", "a!", "a!"));
  EXPECT_EQ(origin.loads("a"), 1);
}

TEST(GetMany, OfNoKeysIsEmpty) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c");
  EXPECT_TRUE(cache.get_many({}).empty());
}

TEST(GetMany, AWrongKeyFailsAlone) {
  Node node = start_node();
  Origin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  const auto values =
      cache.get_many(Keys{"a", "", std::string(kMaxKeyBytes + 1, 'x'), "b"}, patient());
  EXPECT_EQ(text_of(values[0]), "a!");
  EXPECT_EQ(code_of(values[1]), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(values[2]), ErrorCode::too_large);
  EXPECT_EQ(text_of(values[3]), "b!");
}

TEST(GetMany, AFailedLoadFailsItsOwnKeyOnly) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, [](const LoadRequest& request) -> LoadResult {
    if (request.key == "bad") throw std::runtime_error("no such row");
    return Origin::value_of(request.key);
  });
  const auto values = cache.get_many(Keys{"a", "bad", "b"}, patient());
  EXPECT_EQ(text_of(values[0]), "a!");
  EXPECT_EQ(code_of(values[1]), ErrorCode::loader_failed);
  EXPECT_EQ(text_of(values[2]), "b!");
}

TEST(GetMany, WithATimeoutOfZeroFailsEveryKey) {
  Node node = start_node();
  Origin origin;
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  for (const auto& value : cache.get_many(some_keys(3), {.timeout = Duration::zero()})) {
    EXPECT_EQ(code_of(value), ErrorCode::invalid_argument);
  }
  EXPECT_EQ(origin.loads(), 0);
}

TEST(GetMany, TimesOutForTheKeysThatAreMissingOnly) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  const Asked here(cache, "here");
  kept.wait().second("here!");
  ASSERT_EQ(text_of(here.wait()), "here!");
  const auto values = cache.get_many(Keys{"here", "silent"}, {.timeout = milliseconds(50)});
  EXPECT_EQ(text_of(values[0]), "here!");
  EXPECT_EQ(code_of(values[1]), ErrorCode::timed_out);
}

TEST(GetMany, EndsCancelledWhenItsStopTokenIsSet) {
  Node node = start_node();
  KeptReplies kept;
  const Cache cache = open_cache(node, "c", {}, kept.loader());
  std::stop_source stop;
  std::vector<Result<std::optional<Value>>> values;
  std::thread caller([&] {
    values = cache.get_many(some_keys(3), {.timeout = kPatience, .stop = stop.get_token()});
  });
  kept.wait(2);
  stop.request_stop();
  caller.join();
  for (const auto& value : values) EXPECT_EQ(code_of(value), ErrorCode::cancelled);
}

}  // namespace
}  // namespace kith::api
