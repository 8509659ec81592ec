// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "store/eviction/s3_fifo.h"

namespace kith::store {
namespace {

/// A shard is worth its lock only while it is large against the largest values (8 MiB by default).
constexpr std::uint64_t kMinShardBytes = 16u << 20;
constexpr std::uint64_t kMaxShards = 64;

/// Slots looked at for dead entries by each put. Every put adds at most one entry, so the sweep
/// passes over the whole shard several times before it could fill up with dead ones.
constexpr std::size_t kSweepPerPut = 8;

struct Item : S3Fifo::Node {
  Item(KeyView key, Entry content)
      : key_bytes(Value::copy_of(key.bytes)), entry(std::move(content)) {
    hash = key.hash;
  }

  KeyView key() const { return {key_bytes.view(), hash}; }

  Value key_bytes;
  Entry entry;
  /// Where the shard's `slots_` has it.
  std::size_t slot = 0;
};

struct ItemHash {
  using is_transparent = void;
  std::size_t operator()(const Item* item) const { return static_cast<std::size_t>(item->hash); }
  std::size_t operator()(const KeyView& key) const { return KeyHash()(key); }
};
struct ItemEqual {
  using is_transparent = void;
  bool operator()(const Item* a, const Item* b) const { return a == b || a->key() == b->key(); }
  bool operator()(const Item* a, const KeyView& b) const { return a->key() == b; }
  bool operator()(const KeyView& a, const Item* b) const { return a == b->key(); }
};

// What an entry costs beside its key and value, so that the budget is near to what the allocator
// gives out. An allocation: 8 bytes of header, and 8 on average to round to 16. The index: 8 + 1
// bytes a slot at a load of 7/16 to 7/8. The slot: 16 bytes of a vector that doubles. The ghost:
// 8 bytes of a deque, 16 + 1 of a table as the index's; as many ghosts as entries.
constexpr std::uint64_t kAllocationBytes = 16;
constexpr std::uint64_t kIndexBytes = 14;
constexpr std::uint64_t kSlotBytes = 22;
constexpr std::uint64_t kGhostBytes = 34;
constexpr std::uint64_t kItemBytes =
    sizeof(Item) + kAllocationBytes + kIndexBytes + kSlotBytes + kGhostBytes;

std::uint64_t charge_of(const Value& value) {
  if (value.retained_bytes() == 0) return value.size();
  return value.retained_bytes() + kAllocationBytes;
}

std::uint64_t charge_of(const Tags& tags) {
  if (tags == nullptr) return 0;
  std::uint64_t charge = sizeof(*tags) + 2 * kAllocationBytes;
  for (const std::string& tag : *tags) charge += sizeof(tag) + tag.size() + kAllocationBytes;
  return charge;
}

std::uint64_t charge_of(const Item& item) {
  return kItemBytes + charge_of(item.key_bytes) + charge_of(item.entry.value) +
         charge_of(item.entry.tags);
}

/// Gives a value that keeps much more memory alive than it shows, such as a slice of a network
/// buffer, memory of its own.
void compact(Value& value) {
  constexpr std::size_t kSlackBytes = 64;
  if (value.retained_bytes() <= 2 * value.size() + kSlackBytes) return;
  value = value.empty() ? Value() : Value::copy_of(value.view());
}

/// Items taken out of a shard, destroyed with this: declare it before the lock, so that no memory
/// is given back under it.
class Removed {
 public:
  Removed() = default;
  Removed(const Removed&) = delete;
  Removed& operator=(const Removed&) = delete;
  ~Removed() {
    while (first_ != nullptr) {
      std::unique_ptr<Item> item(first_);
      first_ = static_cast<Item*>(item->older);
    }
  }

  void add(std::unique_ptr<Item> item) {
    item->older = first_;
    first_ = item.release();
  }

 private:
  /// Chained through `older`, which no queue uses any more.
  Item* first_ = nullptr;
};

}  // namespace

/// A part of the keys with its own lock and budget.
///
/// Every item is in three places: `slots_`, which owns it and which the sweep walks; `index_`,
/// which finds it; and one of the two eviction queues, by its holding. The charges of the queues
/// add up to the bytes in use.
class Store::Shard {
 public:
  Shard(std::uint64_t budget, std::uint64_t mirror_budget)
      : budget_(budget),
        mirror_budget_(mirror_budget),
        primaries_(budget),
        mirrors_(mirror_budget) {}

  std::optional<Entry> get(KeyView key, TimePoint now) {
    Removed removed;
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    Item& item = **found;
    if (now < item.entry.expires) {
      queue_of(item).touch(item);
      return item.entry;
    }
    if (now >= item.entry.stale_until) expire_locked(item, removed);
    return std::nullopt;
  }

  std::optional<Entry> get_stale(KeyView key, TimePoint now) const {
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end() || now >= (*found)->entry.stale_until) return std::nullopt;
    return (*found)->entry;
  }

  bool contains(KeyView key, TimePoint now) const {
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    return found != index_.end() && now < (*found)->entry.expires;
  }

  bool put(KeyView key, Entry entry, TimePoint now) {
    compact(entry.value);
    entry.stale_until = std::max(entry.stale_until, entry.expires);
    auto fresh = std::make_unique<Item>(key, std::move(entry));
    const std::uint64_t charge = charge_of(*fresh);

    Removed removed;
    MutexLock lock(&mutex_);
    sweep_locked(now, removed);
    const auto found = index_.find(key);
    Item* present = found == index_.end() ? nullptr : *found;
    const bool fits = charge <= limit_for(fresh->entry.holding);
    if (!fits || now >= fresh->entry.stale_until) {
      if (present != nullptr) remove_locked(*present, removed);
      ++(fits ? expirations_ : rejected_);
      return fits;
    }
    if (present != nullptr) {
      replace_locked(*present, std::move(fresh), charge, removed);
    } else {
      insert_locked(std::move(fresh), charge, removed);
    }
    return true;
  }

  bool erase(KeyView key) {
    Removed removed;
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return false;
    remove_locked(**found, removed);
    return true;
  }

  void clear() {
    std::vector<Slot> slots;
    absl::flat_hash_set<Item*, ItemHash, ItemEqual> index;
    {
      MutexLock lock(&mutex_);
      slots.swap(slots_);
      index.swap(index_);
      primaries_.clear();
      mirrors_.clear();
    }
  }

  void add_stats(StoreStats& stats) const {
    MutexLock lock(&mutex_);
    stats.entries += slots_.size();
    stats.bytes += bytes_locked();
    stats.mirror_bytes += mirrors_.charge();
    stats.evictions += evictions_;
    stats.expirations += expirations_;
    stats.rejected += rejected_;
  }

 private:
  /// The moment stands beside the pointer, so that the sweep reads no item that is alive.
  struct Slot {
    std::unique_ptr<Item> item;
    TimePoint stale_until;
  };

  std::uint64_t limit_for(Holding holding) const {
    return holding == Holding::mirror ? mirror_budget_ : budget_;
  }
  S3Fifo& queue_of(const Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return item.entry.holding == Holding::mirror ? mirrors_ : primaries_;
  }
  std::uint64_t bytes_locked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return primaries_.charge() + mirrors_.charge();
  }

  void insert_locked(std::unique_ptr<Item> item, std::uint64_t charge, Removed& removed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    make_room_locked(item->entry.holding, charge, removed);
    Item& added = *item;
    added.slot = slots_.size();
    slots_.push_back({std::move(item), added.entry.stale_until});
    index_.insert(&added);
    queue_of(added).insert(added, added.hash, charge);
  }

  /// The item keeps its popularity; `fresh` leaves with the old entry.
  void replace_locked(Item& item, std::unique_ptr<Item> fresh, std::uint64_t charge,
                      Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    queue_of(item).remove(item);  // Before room is made, so that it is not the victim itself.
    std::swap(item.entry, fresh->entry);
    removed.add(std::move(fresh));
    slots_[item.slot].stale_until = item.entry.stale_until;
    make_room_locked(item.entry.holding, charge, removed);
    queue_of(item).insert_again(item, charge);
  }

  /// Evicts until an entry of `charge` fits. Requires charge <= limit_for(holding).
  void make_room_locked(Holding holding, std::uint64_t charge, Removed& removed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (holding == Holding::mirror) {
      while (mirrors_.charge() + charge > mirror_budget_) evict_locked(mirrors_, removed);
    }
    while (bytes_locked() + charge > budget_) {
      evict_locked(primaries_.size() > 0 ? primaries_ : mirrors_, removed);
    }
  }

  void evict_locked(S3Fifo& queue, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    S3Fifo::Node* victim = queue.evict();
    KITH_CHECK(victim != nullptr);
    detach_locked(static_cast<Item&>(*victim), removed);
    ++evictions_;
  }

  void expire_locked(Item& item, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    remove_locked(item, removed);
    ++expirations_;
  }

  void remove_locked(Item& item, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    queue_of(item).remove(item);
    detach_locked(item, removed);
  }

  /// Takes an item that is in no queue any more out of the other two places.
  void detach_locked(Item& item, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    index_.erase(&item);
    Slot& slot = slots_[item.slot];
    removed.add(std::move(slot.item));
    if (&slot != &slots_.back()) {
      slot = std::move(slots_.back());
      slot.item->slot = item.slot;
    }
    slots_.pop_back();
  }

  /// Drops dead entries that nobody asks for, a few slots at a time, round and round.
  void sweep_locked(TimePoint now, Removed& removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::size_t steps = std::min(kSweepPerPut, slots_.size());
    for (std::size_t step = 0; step < steps; ++step) {
      if (hand_ >= slots_.size()) hand_ = 0;
      if (now >= slots_[hand_].stale_until) {
        expire_locked(*slots_[hand_].item, removed);  // Another one takes this slot.
      } else {
        ++hand_;
      }
    }
  }

  const std::uint64_t budget_;
  const std::uint64_t mirror_budget_;

  mutable Mutex mutex_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<Item*, ItemHash, ItemEqual> index_ ABSL_GUARDED_BY(mutex_);
  /// Owned and guest entries.
  S3Fifo primaries_ ABSL_GUARDED_BY(mutex_);
  S3Fifo mirrors_ ABSL_GUARDED_BY(mutex_);
  /// Next slot to sweep.
  std::size_t hand_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t evictions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t expirations_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
};

Store::Store(const StoreOptions& options) {
  const std::uint64_t shards =
      options.shards != 0
          ? options.shards
          : std::clamp<std::uint64_t>(std::bit_floor(options.budget_bytes / kMinShardBytes), 1,
                                      kMaxShards);
  KITH_CHECK(std::has_single_bit(shards));
  KITH_CHECK(options.mirror_share >= 0 && options.mirror_share <= 1);
  const std::uint64_t budget = options.budget_bytes / shards;
  const auto mirror_budget =
      static_cast<std::uint64_t>(static_cast<double>(budget) * options.mirror_share);
  for (std::uint64_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(budget, mirror_budget));
  }
}

Store::~Store() = default;

std::optional<Entry> Store::get(KeyView key, TimePoint now) { return shard_of(key).get(key, now); }

std::optional<Entry> Store::get_stale(KeyView key, TimePoint now) const {
  return shard_of(key).get_stale(key, now);
}

bool Store::contains(KeyView key, TimePoint now) const { return shard_of(key).contains(key, now); }

bool Store::put(KeyView key, Entry entry, TimePoint now) {
  return shard_of(key).put(key, std::move(entry), now);
}

bool Store::erase(KeyView key) { return shard_of(key).erase(key); }

void Store::clear() {
  for (const auto& shard : shards_) shard->clear();
}

StoreStats Store::stats() const {
  StoreStats stats;
  for (const auto& shard : shards_) shard->add_stats(stats);
  return stats;
}

Store::Shard& Store::shard_of(KeyView key) const {
  // Mixed, because the top bits are the same for all keys of a slot, and the index uses the low.
  return *shards_[static_cast<std::size_t>(mix64(key.hash)) & (shards_.size() - 1)];
}

}  // namespace kith::store
