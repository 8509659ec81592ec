// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>
#include <kith/value.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace kith {

/// What a loader is asked for.
struct LoadRequest {
  std::string key;
  /// When the cache stops waiting. An answer after it is dropped.
  std::chrono::steady_clock::time_point deadline;
  /// Set when nobody waits any more: the loader may give up.
  std::stop_token stop;
};

/// A value as its origin gave it.
struct Loaded {
  Value value;
  /// How long the value may be served. Empty: the cache's own default_ttl. Must be positive.
  std::optional<Duration> ttl = {};
  /// Names that group entries. Kept with the entry; nothing invalidates by them yet.
  std::vector<std::string> tags = {};
};

/// The origin's word that the key has no value. Remembered for the cache's negative_ttl.
struct NotFound {};

/// A loader's answer: a value, not found, or an error. Errors are not cached.
class LoadResult {
 public:
  using Answer = std::variant<Loaded, NotFound, Error>;

  // NOLINTBEGIN(google-explicit-constructor): a loader returns any of these as it is
  LoadResult(Loaded loaded) : answer_(std::move(loaded)) {}
  LoadResult(Value value) : answer_(Loaded{std::move(value)}) {}
  LoadResult(std::string bytes) : answer_(Loaded{Value::adopt(std::move(bytes))}) {}
  LoadResult(const char* text) : answer_(Loaded{Value::copy_of(text)}) {}
  LoadResult(NotFound) : answer_(NotFound{}) {}
  LoadResult(Error error) : answer_(std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  const Answer& answer() const& { return answer_; }
  Answer&& answer() && { return std::move(answer_); }

 private:
  Answer answer_;
};

/// How an asynchronous loader answers: call it once, from any thread, also after the load function
/// returned. The second call is ignored and counted. Dropping every copy without a call answers
/// loader_failed. May outlive the node; the answer then goes nowhere.
class LoadReply {
 public:
  /// The receiving end. Destroyed with the last copy of the reply.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void answer(LoadResult result) = 0;
  };

  explicit LoadReply(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}
  void operator()(LoadResult result) const { sink_->answer(std::move(result)); }

 private:
  std::shared_ptr<Sink> sink_;
};

/// The user's function that produces a value for a key, in one of three shapes. Loaders run on the
/// node's loader threads, several at once; what they throw is caught and becomes loader_failed.
class Loader {
 public:
  using Sync = std::function<LoadResult(const LoadRequest&)>;
  using Async = std::function<void(const LoadRequest&, LoadReply)>;
  /// Must answer one result per request, in order.
  using Batch = std::function<std::vector<LoadResult>(std::span<const LoadRequest>)>;

  /// No loader: every key is not found.
  Loader() = default;

  /// A synchronous loader from anything callable with a LoadRequest whose result makes a
  /// LoadResult.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Loader> &&
             std::invocable<F&, const LoadRequest&> &&
             std::convertible_to<std::invoke_result_t<F&, const LoadRequest&>, LoadResult>)
  Loader(F load)  // NOLINT(google-explicit-constructor): `open("name", {}, lambda)` is the API
      : function_(Sync([f = std::move(load)](const LoadRequest& request) mutable -> LoadResult {
          return f(request);
        })) {}

  /// A loader that returns at once and answers through the LoadReply.
  static Loader async(Async function) { return Loader(Function(std::move(function))); }

  /// A loader that is handed all keys that one turn of the loop found missing, at most `max_keys`
  /// a call.
  static Loader batch(Batch function, std::size_t max_keys = 256) {
    Loader loader{Function(std::move(function))};
    loader.max_batch_ = max_keys == 0 ? 1 : max_keys;
    return loader;
  }

  explicit operator bool() const { return !std::holds_alternative<std::monostate>(function_); }

  using Function = std::variant<std::monostate, Sync, Async, Batch>;
  const Function& function() const { return function_; }
  std::size_t max_batch() const { return max_batch_; }

 private:
  explicit Loader(Function function) : function_(std::move(function)) {}

  Function function_;
  std::size_t max_batch_ = 1;
};

}  // namespace kith
