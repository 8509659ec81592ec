// SPDX-License-Identifier: Apache-2.0
// What the tests of the public API share.
#pragma once

#include <gtest/gtest.h>
#include <kith/kith.h>
#include <kith/testing.h>

#include <absl/base/thread_annotations.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/testing/eventually.h"

namespace kith {

/// For GoogleTest's messages.
inline void PrintTo(ErrorCode code, std::ostream* out) { *out << to_string(code); }
inline void PrintTo(Source source, std::ostream* out) { *out << to_string(source); }

}  // namespace kith

namespace kith::api {

/// How long a test waits for what must come.
inline constexpr std::chrono::seconds kPatience{20};

/// For a get that must be answered: longer than the library's own, so that a slow machine fails
/// nothing.
inline GetOptions patient() { return {.timeout = kPatience}; }

/// Waits with `mutex` held until holds(), for `limit` at most. Whether it did.
template <class Holds>
bool wait_for(Mutex& mutex, CondVar& changed, const Holds& holds, Duration limit = kPatience)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (!changed.wait_until(&mutex, until)) return holds();
  }
  return true;
}

/// Something that happens once, for tests and loaders to wait for. Copies are the same event, so
/// that a loader left behind by a stopped node still has it.
class Event {
 public:
  void set() const {
    MutexLock lock(&state_->mutex);
    state_->happened = true;
    state_->changed.notify_all();
  }
  /// Whether it happened within the tests' patience.
  bool wait() const {
    MutexLock lock(&state_->mutex);
    return wait_for(state_->mutex, state_->changed, [this] { return state_->happened; });
  }

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    bool happened = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Waits until something holds that no event tells of.
inline bool eventually(const std::function<bool()>& holds) {
  return holds_within(kPatience, holds);
}

/// A get_async whose answer is waited for. Copies are the same get.
class Asked {
 public:
  Asked(const Cache& cache, std::string_view key, const GetOptions& options = patient()) {
    cache.get_async(
        key, [state = state_](Result<Answer> answer) { state->take(std::move(answer)); }, options);
  }
  /// The answer, when it comes within the tests' patience.
  Result<Answer> wait() const {
    MutexLock lock(&state_->mutex);
    if (!wait_for(state_->mutex, state_->changed, [this] { return state_->times > 0; })) {
      return fail(ErrorCode::internal, "the callback was never called");
    }
    return state_->answer;
  }
  int times_called() const {
    MutexLock lock(&state_->mutex);
    return state_->times;
  }

 private:
  struct State {
    void take(Result<Answer> result) {
      MutexLock lock(&mutex);
      ++times;
      answer = std::move(result);
      changed.notify_all();
    }
    Mutex mutex;
    CondVar changed;
    int times = 0;
    Result<Answer> answer = fail(ErrorCode::internal, "no answer yet");
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// What the caches of a test are filled from: "<key>!" for every key. Counts. Copies are the same
/// origin.
class Origin {
 public:
  static std::string value_of(std::string_view key) { return std::string(key) + "!"; }

  Loader loader() const {
    return [counts = counts_](const LoadRequest& request) -> LoadResult {
      counts->add(request.key);
      return value_of(request.key);
    };
  }
  int loads() const {
    MutexLock lock(&counts_->mutex);
    return counts_->total;
  }
  int loads(const std::string& key) const {
    MutexLock lock(&counts_->mutex);
    const auto found = counts_->by_key.find(key);
    return found == counts_->by_key.end() ? 0 : found->second;
  }

 private:
  struct Counts {
    void add(const std::string& key) {
      MutexLock lock(&mutex);
      ++total;
      ++by_key[key];
    }
    Mutex mutex;
    int total ABSL_GUARDED_BY(mutex) = 0;
    std::map<std::string, int> by_key ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

/// An asynchronous loader that keeps its replies for the test to give. Copies are the same.
class KeptReplies {
 public:
  Loader loader() const {
    return Loader::async([state = state_](const LoadRequest& request, LoadReply reply) {
      MutexLock lock(&state->mutex);
      state->kept.emplace_back(request, std::move(reply));
      state->changed.notify_all();
    });
  }
  /// The request and reply of the `index`-th load, when it begins within the tests' patience.
  std::pair<LoadRequest, LoadReply> wait(std::size_t index = 0) const {
    MutexLock lock(&state_->mutex);
    if (!wait_for(state_->mutex, state_->changed, [&] { return state_->kept.size() > index; })) {
      throw std::runtime_error("the load never began");
    }
    return state_->kept[index];
  }
  /// Forgets all replies, unanswered.
  void drop() const {
    std::vector<std::pair<LoadRequest, LoadReply>> dropped;
    MutexLock lock(&state_->mutex);
    dropped.swap(state_->kept);
  }
  std::size_t count() const {
    MutexLock lock(&state_->mutex);
    return state_->kept.size();
  }

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    std::vector<std::pair<LoadRequest, LoadReply>> kept;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A node that must start.
inline Node start_node(NodeOptions options = {}) {
  Result<Node> node = Node::start(std::move(options));
  if (!node) throw std::runtime_error(node.error().message);
  return *std::move(node);
}

/// A cache that must open.
inline Cache open_cache(Node& node, std::string_view name, const CacheOptions& options = {},
                        Loader loader = {}) {
  Result<Cache> cache = node.open(name, options, std::move(loader));
  if (!cache) throw std::runtime_error(cache.error().message);
  return *std::move(cache);
}

/// A cluster that must start, and a cache on all its nodes that must open.
inline testing::LocalCluster start_cluster(std::size_t size, NodeOptions options = {}) {
  auto cluster = testing::LocalCluster::start(size, std::move(options), kPatience);
  if (!cluster) throw std::runtime_error(cluster.error().message);
  return *std::move(cluster);
}
inline std::vector<Cache> open_everywhere(testing::LocalCluster& cluster, std::string_view name,
                                          const CacheOptions& options = {}, Loader loader = {}) {
  auto caches = cluster.open_everywhere(name, options, std::move(loader));
  if (!caches) throw std::runtime_error(caches.error().message);
  return *std::move(caches);
}

/// The `index`-th of the keys key0, key1, ... that the node `owner` owns, as `cache` sees it.
inline std::string key_owned_by(const Node& owner, const Cache& cache, int index = 0) {
  for (int i = 0;; ++i) {
    std::string key = "key" + std::to_string(i);
    if (cache.owner_of(key) == owner.address() && index-- == 0) return key;
  }
}

/// The value as text, "nothing" or the error, to compare in one line.
inline std::string text_of(const Result<std::optional<Value>>& value) {
  if (!value) return std::string(to_string(value.error().code)) + ": " + value.error().message;
  return *value ? (*value)->to_string() : "nothing";
}
inline std::string text_of(const Result<Answer>& answer) {
  return text_of(answer.map([](const Answer& found) { return found.value; }));
}

/// The error's code; fails the test when there is none.
template <class T>
ErrorCode code_of(const Result<T>& result) {
  if (result) {
    ADD_FAILURE() << "an error was expected";
    return ErrorCode::internal;
  }
  return result.error().code;
}
template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

}  // namespace kith::api
