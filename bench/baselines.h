// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace kith::bench {

/// The floor: a map for one thread, whose values nobody shares. What a machine needs for its misses
/// alone, so that figures of different hours can be compared by their ratio to it.
struct UnlockedMap {
  absl::flat_hash_map<std::string, std::unique_ptr<std::string>> values;

  /// Null: it is not there.
  const std::string* find(std::string_view key) const {
    const auto found = values.find(absl::string_view(key.data(), key.size()));
    return found == values.end() ? nullptr : found->second.get();
  }
};

/// What a program without a cache library writes: hash maps of shared values, each behind a mutex.
/// No expiry, no versions, no budget in bytes, no order of use: the price of those is what a
/// comparison with it shows. Thread-safe.
class MapCache {
 public:
  using Shared = std::shared_ptr<const std::string>;

  /// `limit` entries in all, the oldest leaves first; zero: no limit.
  explicit MapCache(std::size_t shards, std::size_t limit = 0)
      : limit_((limit + shards - 1) / shards), shards_(shards) {}

  Shared get(std::string_view key) {
    Shard& shard = shard_of(key);
    MutexLock lock(&shard.mutex);
    const auto found = shard.values.find(text(key));
    return found == shard.values.end() ? nullptr : found->second;
  }

  void put(std::string_view key, Shared value) {
    Shard& shard = shard_of(key);
    MutexLock lock(&shard.mutex);
    const bool added = shard.values.insert_or_assign(text(key), std::move(value)).second;
    if (limit_ == 0 || !added) return;
    shard.order.emplace_back(key);
    if (shard.order.size() > limit_) {
      shard.values.erase(shard.order.front());
      shard.order.pop_front();
    }
  }

 private:
  struct alignas(64) Shard {
    Mutex mutex;
    absl::flat_hash_map<std::string, Shared> values ABSL_GUARDED_BY(mutex);
    std::deque<std::string> order ABSL_GUARDED_BY(mutex);
  };

  // Abseil's own type, which is not everywhere the standard one: its maps look up by it.
  static absl::string_view text(std::string_view key) { return {key.data(), key.size()}; }

  // The top bits, because the map uses the low ones.
  Shard& shard_of(std::string_view key) {
    if (shards_.size() == 1) return shards_.front();
    return shards_[(absl::Hash<absl::string_view>()(text(key)) >> 32) % shards_.size()];
  }

  const std::size_t limit_;
  std::vector<Shard> shards_;
};

}  // namespace kith::bench
