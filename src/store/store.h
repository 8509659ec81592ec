// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/entry.h"
#include "base/key.h"
#include "base/tenure.h"

namespace kith::store {

using kith::Entry;
using kith::Holding;

struct StoreOptions {
  /// Memory for entries and index, in bytes.
  std::uint64_t budget_bytes = 64u << 20;
  /// Share of the budget that mirrors may take. They are given up first when it is exceeded.
  double mirror_share = 0.125;
  /// Parts with a lock each; a power of two, at most 64. Zero: chosen from the budget.
  std::size_t shards = 0;
  /// Owned entries count only for as long as the tenure lasts whose epoch is their version's. Null:
  /// for ever. Must outlive the store.
  const Tenure* tenure = nullptr;
};

struct StoreStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t mirror_bytes = 0;
  std::uint64_t evictions = 0;
  std::uint64_t expirations = 0;
  std::uint64_t rejected = 0;  ///< Entries larger than a shard can hold.
};

/// The node's memory for one cache: keys to entries, bounded in bytes, with expiry and eviction by
/// popularity. Thread-safe. Time is always the caller's; the store has no clock.
class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The entry, if it is fresh at `now` and of the present tenure. Counts as a use.
  std::optional<Entry> get(KeyView key, TimePoint now);
  /// The entry, fresh or not, if now < stale_until and of the present tenure. Not a use.
  std::optional<Entry> get_stale(KeyView key, TimePoint now) const;
  /// Whether get would find it. Not a use.
  bool contains(KeyView key, TimePoint now) const;

  /// get() for each of the keys, into the entry of the same place: one lock for all of a shard's,
  /// and the waits for memory overlap. Requires as many entries as keys.
  void get_many(std::span<const KeyView> keys, TimePoint now,
                std::span<std::optional<Entry>> entries);

  /// Inserts or replaces, evicting less popular entries. Entries whose value keeps more than twice
  /// its size of memory alive (a slice of a large buffer) are copied to memory of their own. False:
  /// the entry is larger than the store can hold; what was there before is gone.
  bool put(KeyView key, Entry entry, TimePoint now);
  /// True: there was an entry.
  bool erase(KeyView key);
  void clear();

  StoreStats stats() const;

 private:
  class Shard;
  std::size_t shard_index(KeyView key) const;
  Shard& shard_of(KeyView key) const { return *shards_[shard_index(key)]; }
  void get_some(std::span<const KeyView> keys, TimePoint now,
                std::span<std::optional<Entry>> entries);

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace kith::store
