// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/engine.h"
#include "base/ids.h"
#include "base/key.h"
#include "base/striped_counter.h"
#include "base/tenure.h"
#include "core/fetch/statistics.h"
#include "store/store.h"

namespace kith::api {

/// Implements Cache. A hit is answered on the caller's thread from the store; a miss is handed to
/// the driver. Thread-safe.
class CacheImpl : public std::enable_shared_from_this<CacheImpl> {
 public:
  CacheImpl(std::string name, const CacheOptions& options, std::shared_ptr<Engine> engine);

  Result<std::optional<Value>> get(std::string_view key, const GetOptions& options);
  Result<bool> visit_bytes(std::string_view key, const detail::Visitor& visitor,
                           const GetOptions& options);
  Result<Answer> fetch(std::string_view key, const GetOptions& options);
  void get_async(std::string_view key, Cache::Callback callback, const GetOptions& options);
  std::vector<Result<std::optional<Value>>> get_many(std::span<const std::string> keys,
                                                     const GetOptions& options);
  std::optional<Value> peek(std::string_view key);
  bool contains_local(std::string_view key) const;
  std::string owner_of(std::string_view key) const;
  CacheStats stats() const;

  const std::string& name() const { return name_; }
  CacheId id() const { return id_; }
  /// As it was opened.
  const CacheOptions& options() const { return options_; }
  /// Of its store, from now on. What is too much is given back before it returns, most of it.
  void set_budget(std::uint64_t bytes);
  /// Memory answers no more, and every get ends as `cancelled`.
  void close() { closed_.store(true, std::memory_order_relaxed); }
  /// What is to be done now and then; may take a second. One thread at a time.
  void tidy();
  store::Store& store() { return store_; }
  /// Since when this node owns which slot; the driver's to change while the cache is open.
  Tenure& tenure() { return tenure_; }
  /// The miss path's counters, one set per loop. Set once, before the cache is handed out.
  void count_with(edge::Driver::Statistics counters) { counters_ = std::move(counters); }

 private:
  class AsyncCall;

  /// What this node's memory has for the key. Nothing if the get is wrong, or the cache closed.
  store::Store::Found find(std::string_view key, const GetOptions& options, const Pin& pin) const;
  /// Whether what was found is an answer now. Has it refreshed when that is due.
  bool is_answer(std::string_view key, const store::Store::Found& found);
  /// A hit: what was found is of use, counts, and is the answer.
  Answer use(const store::Store::Found& found, const Pin& pin);
  /// The same for what is plain, without the answer.
  void use_plain(const store::Store::Found& found, const Pin& pin);
  /// Whether the get is one that may be answered.
  Result<void> check_get(std::string_view key, const GetOptions& options) const;
  /// The answer of a get that is not a hit: waits for it.
  Result<Answer> miss(std::string_view key, const GetOptions& options);
  Result<std::optional<Value>> missed(std::string_view key, const GetOptions& options);
  static Result<bool> visit(const detail::Visitor& visitor,
                            const Result<std::optional<Value>>& value);
  /// The hits among the keys, and what is wrong, into the results. Returns which are missing.
  std::vector<std::size_t> hits(std::span<const std::string> keys, const GetOptions& options,
                                std::span<Result<std::optional<Value>>> results);
  std::shared_ptr<AsyncCall> make_call(Cache::Callback callback, KeyView key, TimePoint now,
                                       const GetOptions& options);
  /// Counts a get that is wrong whatever the cache holds.
  tl::unexpected<Error> refused(Error error);
  /// Converts the end of a miss, and counts it.
  Result<Answer> ended(Result<fetch::Answer> result);
  void count(const Result<Answer>& result);
  void prepare(edge::Call& call, KeyView key, TimePoint now, const GetOptions& options) const;

  const std::string name_;
  const CacheId id_;
  const CacheOptions options_;
  const std::shared_ptr<Engine> engine_;
  std::atomic<bool> closed_{false};
  Tenure tenure_;
  store::Store store_;
  edge::Driver::Statistics counters_;

  StripedCounter gets_local_;
  StripedCounter gets_mirror_;
  StripedCounter gets_peer_;
  StripedCounter gets_origin_;
  StripedCounter gets_stale_;
  StripedCounter gets_failed_;
  StripedCounter gets_absent_;
};

}  // namespace kith::api
