// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>

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
#include "core/fetch/statistics.h"
#include "store/store.h"

namespace kith::api {

/// Implements Cache. A hit is answered on the caller's thread from the store; a miss is handed to
/// the driver. Thread-safe.
class CacheImpl : public std::enable_shared_from_this<CacheImpl> {
 public:
  CacheImpl(std::string name, const CacheOptions& options, std::shared_ptr<Engine> engine);

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
  const CacheOptions& options() const { return options_; }
  store::Store& store() { return store_; }
  /// The miss path's counters, one set per loop. Set once, before the cache is handed out.
  void count_with(std::vector<const fetch::Statistics*> counters) {
    counters_ = std::move(counters);
  }

 private:
  class AsyncCall;

  /// The answer if this node's memory has it.
  std::optional<Answer> hit(KeyView key, TimePoint now);
  /// The same for many: calls fn(place, answer) for each, in order.
  template <class Fn>
  void hits(std::span<const KeyView> keys, TimePoint now, Fn&& fn);
  /// A hit's answer; counts it, and has the entry refreshed when that is due.
  Answer hit(KeyView key, Entry&& entry, TimePoint now);
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
  store::Store store_;
  std::vector<const fetch::Statistics*> counters_;

  StripedCounter gets_local_;
  StripedCounter gets_mirror_;
  StripedCounter gets_peer_;
  StripedCounter gets_origin_;
  StripedCounter gets_stale_;
  StripedCounter gets_failed_;
  StripedCounter gets_absent_;
};

}  // namespace kith::api
