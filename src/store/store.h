// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "base/epoch.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/tenure.h"
#include "store/compression/compressor.h"
#include "store/eviction/advisor.h"
#include "store/shard.h"
#include "store/stats.h"

namespace kith::store {

using kith::Entry;
using kith::Holding;

struct StoreOptions {
  /// Memory for all that the store needs, in bytes.
  std::uint64_t budget_bytes = 64u << 20;
  /// Share of the budget that mirrors may take. They are given up first when it is exceeded.
  double mirror_share = 0.125;
  /// Parts with a lock for writers each; a power of two, at most 64. Zero: chosen from the budget.
  std::size_t shards = 0;
  /// Owned entries count only for as long as the tenure lasts whose epoch is their version's. Null:
  /// for ever. Must outlive the store.
  const Tenure* tenure = nullptr;
  /// Of the index's hashes. Known to nobody outside of the process, so that nobody can choose keys
  /// that all fall into one place.
  std::uint64_t hash_seed = 0;
  /// Whether values are kept compressed where that saves enough: see Compressor.
  bool compress = false;
};

/// The node's memory for one cache: keys to entries, bounded in bytes, with expiry and eviction by
/// popularity. Thread-safe; reads take no lock. Time is always the caller's; the store has no
/// clock.
class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// An entry where it lies in the store; of no use any more when the pin is gone with which it was
  /// found.
  class Found {
   public:
    Found() = default;
    explicit operator bool() const { return item_ != nullptr; }
    /// The bytes of the value. Requires that it is not compressed.
    std::string_view bytes() const { return item_->value(); }
    bool compressed() const { return item_->has(Item::kCompressed); }
    bool negative() const { return item_->has(Item::kNegative); }
    Holding holding() const { return item_->holding(); }
    Version version() const { return shard_->version_of(*item_); }
    /// Whether it is fresh for as long as it is there.
    bool immortal() const { return !item_->has(Item::kMortal); }
    /// Whether it is a value that was loaded here, immortal, not compressed, and not large, as most
    /// are.
    bool plain() const { return item_ != nullptr && item_->plain(); }
    /// bytes() and value() of what is plain.
    std::string_view plain_bytes() const { return item_->value_here(); }
    Value plain_value(const Pin& pin) const { return lend(item_->lent, item_->value_here(), pin); }
    /// First moment at which it is no longer fresh. TimePoint::max(): never.
    TimePoint expires() const { return item_->expires(); }
    /// For early refresh.
    Duration load_cost() const {
      return immortal() ? Duration::zero() : std::chrono::microseconds(item_->life().load_cost_us);
    }
    /// A handle to the value, for as long as one likes.
    Value value(const Pin& pin) const { return shard_->value_of(*item_, pin); }

   private:
    friend class Store;
    Found(const Shard* shard, Item* item, std::uint64_t hash)
        : shard_(shard), item_(item), hash_(hash) {}

    const Shard* shard_ = nullptr;
    Item* item_ = nullptr;
    std::uint64_t hash_ = 0;
  };

  /// What there is for the key, fresh or not, if it is of the present tenure. Not a use.
  [[gnu::always_inline]] Found find(std::string_view key, const Pin&) const {
    const std::uint64_t hash = hash_of(key);
    const Shard& shard = shard_of(hash);
    Item* const item = shard.find(hash, key);
    if (item == nullptr || !shard.of_present_tenure(*item)) [[unlikely]]
      return {};
    return {&shard, item, hash};
  }
  /// What was found has been of use.
  [[gnu::always_inline]] void touch(const Found& found) const {
    found.item_->touch(kMaxUses);
    if (advisor_->sampled(found.hash_)) [[unlikely]]
      advisor_->access(found.hash_, true);
  }
  /// find() of each of the keys; the waits for memory overlap. Requires as many places as keys.
  void find_many(std::span<const std::string_view> keys, const Pin& pin,
                 std::span<Found> found) const;

  /// The entry, if it is fresh at `now` and of the present tenure. Counts as a use.
  std::optional<Entry> get(KeyView key, TimePoint now);
  /// The entry, fresh or not, if now < stale_until and of the present tenure. Not a use.
  std::optional<Entry> get_stale(KeyView key, TimePoint now) const;
  /// Whether get would find it. Not a use.
  bool contains(KeyView key, TimePoint now) const;
  /// get() of each of the keys, into the entry of the same place. Requires as many entries as keys.
  void get_many(std::span<const KeyView> keys, TimePoint now,
                std::span<std::optional<Entry>> entries);

  /// Inserts or replaces, evicting less popular entries. Small values are copied, large ones are
  /// shared, unless they keep more than twice their size of memory alive (a slice of a large
  /// buffer). False: the entry is larger than the store can hold, or readers that do not come to an
  /// end keep all memory; what was there before is gone.
  bool put(KeyView key, Entry entry, TimePoint now);
  /// True: there was an entry.
  bool erase(KeyView key);
  void clear();

  /// Gives back what is over and what is above the budget: a bounded number of entries, of which
  /// every put does some. To be called now and then by a thread that has time. True: there is more
  /// above the budget.
  bool give_back(TimePoint now);
  /// The same; and trains a dictionary if one is due, which may take a second.
  void maintain(TimePoint now);
  /// A new budget, from now on. If it is less, the memory follows with the next puts and calls of
  /// maintain().
  void set_budget(std::uint64_t bytes);
  std::uint64_t budget_bytes() const { return budget_.load(std::memory_order_relaxed); }

  StoreStats stats() const;

 private:
  Shard& shard_of(std::uint64_t hash) const {
    return *shards_[static_cast<std::size_t>(hash >> 32) >> shard_shift_];
  }
  std::uint64_t hash_of(std::string_view key) const { return hash_with_seed(key, hash_seed_); }

  void advise_on(std::uint64_t hash);
  void share_budget();
  std::uint64_t shared_bytes() const;

  const std::uint64_t hash_seed_;
  const std::unique_ptr<Advisor> advisor_;
  /// Null: values are kept as they are.
  const std::unique_ptr<Compressor> compressor_;
  std::atomic<std::uint64_t> budget_;
  /// Puts of new keys until the number of entries is looked at again.
  std::atomic<std::int64_t> until_census_;
  /// Of the upper half of the hash.
  unsigned shard_shift_ = 32;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace kith::store
