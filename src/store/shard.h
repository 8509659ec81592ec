// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/entry.h"
#include "base/key.h"
#include "base/mutex.h"
#include "base/schedule_point.h"
#include "base/tenure.h"
#include "store/compression/compressor.h"
#include "store/eviction/advisor.h"
#include "store/eviction/eviction.h"
#include "store/expiry/wheel.h"
#include "store/index/index.h"
#include "store/items.h"
#include "store/memory/arena.h"
#include "store/memory/pool.h"
#include "store/stats.h"

namespace kith::store {

struct ShardOptions {
  std::uint64_t budget_bytes = 0;
  double mirror_share = 0;
  const Tenure* tenure = nullptr;
  std::uint64_t hash_seed = 0;
  /// Says how to choose what leaves. Must outlive the shard.
  const Advisor* advisor = nullptr;
  /// Reads compressed values. Null when there are none. Must outlive the shard.
  Compressor* compressor = nullptr;
};

/// A part of the keys: an arena with the items, an index that finds them, queues that choose which
/// to give up, a wheel that says whose time is over. Reads are lock-free and need a pin; writes
/// exclude each other.
///
/// An item that is taken out can still be read by who found it before. It is *retired*, and given
/// up by a reclaim() that finds all readers of that time gone; if values use its bytes even then,
/// its slot is free when the last of them is.
class Shard {
 public:
  explicit Shard(const ShardOptions& options);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // For who is pinned.

  /// Hints that find() of a key with the hash comes soon; each needs what the one before fetched.
  void prefetch_index(std::uint64_t hash) const { index_.prefetch(low(hash)); }
  void prefetch_item(std::uint64_t hash) const;
  /// Null: there is none. What most hits need is here, short and straight, so that the processor
  /// goes on to the next look-up while this one waits for memory.
  [[gnu::always_inline]] Item* find(std::uint64_t hash, std::string_view key) const {
    if (const Handle handle = index_.likely(low(hash))) [[likely]] {
      schedule::point("find: has a handle");
      Item& item = items_[handle];
      if (item.has_short_key(key)) [[likely]]
        return &item;
    }
    return find_anywhere(hash, key);
  }
  /// Whether what the node owned when it loaded the item still counts.
  bool of_present_tenure(const Item& item) const {
    if (tenure_ == nullptr) return true;
    const std::uint64_t epoch = epochs_[item.epoch].load(std::memory_order_relaxed);
    if (epoch == tenure_->unbroken()) [[likely]]
      return true;
    return of_present_slot_tenure(item);
  }
  Version version_of(const Item& item) const {
    if (item.epoch == Item::kOwnEpoch) return item.extension()->version;
    return {epochs_[item.epoch].load(std::memory_order_relaxed), item.sequence};
  }
  Value value_of(Item& item, const Pin& pin) const {
    if (item.has(Item::kCompressed)) return decompressed(item);
    if (item.has(Item::kOutside)) return item.extension()->value;
    if (item.value_size == 0) return {};
    return lend(item.lent, item.value(), pin);
  }
  Entry entry_of(Item& item, const Pin& pin) const;

  // For anyone.

  enum class Outcome : std::uint8_t { inserted, replaced, dead, refused };
  /// Stores the entry, whose value may be `compressed`. dead: its time was over; refused: there is
  /// no room. In both cases there is none of the key afterwards.
  Outcome put(std::uint64_t hash, KeyView key, Entry&& entry, bool compressed, TimePoint now);
  std::size_t entries() const;
  /// How many like those that it has would fill it. 0: it has none.
  std::size_t expected_entries() const;
  bool erase(std::uint64_t hash, std::string_view key);
  /// Drops the key's item if it is of no use any more.
  void drop_dead(std::uint64_t hash, std::string_view key, TimePoint now);
  void clear();
  /// Gives back what is over, a bounded number of items. Also what every put does. True: there is
  /// more above the budget that can go now.
  bool maintain(TimePoint now);
  /// Has what is in full use lie in huge pages, so much at a time. Not part of maintain(), and not
  /// under the lock, because the system takes milliseconds for it.
  void use_huge_pages();
  /// From now on. What is too much leaves with the next puts and calls of maintain().
  void set_budget(std::uint64_t bytes);
  void add_stats(StoreStats& stats) const;

 private:
  /// What is destroyed when the lock is gone: declare it before the lock.
  using Garbage = std::vector<Extension>;
  struct Shape;
  struct Retired {
    Handle handle;
    /// A copy of it lives elsewhere and has its extension.
    bool moved;
    std::uint64_t charge;
  };

  /// 0: there is none.
  Handle handle_of(std::uint64_t hash, std::string_view key) const;
  Item* find_anywhere(std::uint64_t hash, std::string_view key) const;
  bool of_present_slot_tenure(const Item& item) const;

  Value decompressed(const Item& item) const;

  static std::uint32_t low(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  static std::size_t page_bytes_for(std::uint64_t budget);

  Eviction& queue_of(const Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return item.holding() == Holding::mirror ? mirrors_ : primaries_;
  }
  std::uint64_t used() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::uint64_t limit_for(Holding holding) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  Shape shape_of(KeyView key, const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::uint32_t number_of_epoch(std::uint64_t epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Handle make_item(KeyView key, Entry&& entry, bool compressed, Shape& shape, Garbage& garbage)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool fits(std::uint64_t bytes) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void make_way(std::uint64_t bytes, Holding holding) ABSL_LOCKS_EXCLUDED(mutex_);
  void link(std::uint64_t hash, Handle handle, Handle present, bool full)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void remove(std::uint64_t hash, Handle handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::uint64_t content() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::uint64_t content_limit() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::uint64_t overshoot() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void evict_excess() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Handle take_slot(std::size_t bytes, Garbage& garbage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool make_room(std::uint64_t bytes, Garbage& garbage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool free_something(Garbage& garbage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool evict_one() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool evict(Eviction& queue, std::uint64_t excess) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool compact() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool move(Handle handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void retire(Handle handle, bool moved) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool reclaim_due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool reclaim(Garbage& garbage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void give_up(const Retired& retired, Garbage& garbage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void expire(TimePoint now, std::size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Tenure* const tenure_;
  const double mirror_share_;
  const Advisor& advisor_;
  Compressor* const compressor_;
  const Arena::Pointer arena_;
  const Items items_;
  /// Read by who is pinned, changed by who has the lock.
  Index index_;
  /// The epochs that items have by number, and how many do. 0: the number is free. That of
  /// kOwnEpoch is none that there is.
  std::array<std::atomic<std::uint64_t>, Item::kOwnEpoch + 1> epochs_{};
  std::array<std::uint32_t, Item::kOwnEpoch> epoch_users_ ABSL_GUARDED_BY(mutex_){};

  mutable Mutex mutex_;
  std::uint64_t budget_ ABSL_GUARDED_BY(mutex_);
  /// Owned and guest entries.
  Eviction primaries_ ABSL_GUARDED_BY(mutex_);
  Eviction mirrors_ ABSL_GUARDED_BY(mutex_);
  /// Which of them has what was put last.
  const Eviction* newest_in_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Wheel wheel_ ABSL_GUARDED_BY(mutex_);
  /// Of items that can be found and of retired ones.
  Pool<Extension> extensions_ ABSL_GUARDED_BY(mutex_);
  /// Memory of extensions.
  std::uint64_t outside_bytes_ ABSL_GUARDED_BY(mutex_) = 0;

  /// Those of the last batch, and the epoch that their readers must have left; and the next batch.
  std::vector<Retired> waiting_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t waiting_epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Retired> retired_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t retired_bytes_ ABSL_GUARDED_BY(mutex_) = 0;

  std::uint64_t evictions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t expirations_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kith::store
