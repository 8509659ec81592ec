// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
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
constexpr std::size_t kKeysAtOnce = 64;

/// Slots looked at for dead entries by each put. Every put adds at most one entry, so the sweep
/// passes over the whole shard several times before it could fill up with dead ones.
constexpr std::size_t kSweepPerPut = 8;

/// A key's hash alone, to look for whatever item has it.
struct Hash {
  std::uint64_t value;
};

/// An entry in memory, one allocation with the key's bytes behind it.
struct Item : S3Fifo::Node {
  static std::unique_ptr<Item> make(KeyView key, Entry content) {
    void* memory = ::operator new(sizeof(Item) + key.bytes.size());
    auto item = std::unique_ptr<Item>(new (memory) Item(key, std::move(content)));
    std::memcpy(static_cast<char*>(memory) + sizeof(Item), key.bytes.data(), key.bytes.size());
    return item;
  }
  /// Of the whole allocation, which is larger than the type.
  static void operator delete(void* memory) { ::operator delete(memory); }

  std::string_view key_bytes() const {
    return {reinterpret_cast<const char*>(this) + sizeof(Item), key_size};
  }

  std::uint32_t key_size;
  /// Where the shard's `slots_` has it.
  std::uint32_t slot = 0;
  Entry entry;

 private:
  Item(KeyView key, Entry&& content)
      : key_size(static_cast<std::uint32_t>(key.bytes.size())), entry(std::move(content)) {
    hash = key.hash;
  }
  static void* operator new(std::size_t, void* memory) { return memory; }
};

/// The index's view of an item. The hash stands here too, so that a look-up reads no item but the
/// one it is after.
struct Indexed {
  std::uint64_t hash;
  Item* item;
};
struct IndexHash {
  using is_transparent = void;
  std::size_t operator()(const Indexed& indexed) const {
    return static_cast<std::size_t>(indexed.hash);
  }
  std::size_t operator()(const KeyView& key) const { return KeyHash()(key); }
  std::size_t operator()(Hash hash) const { return static_cast<std::size_t>(hash.value); }
};
struct IndexEqual {
  using is_transparent = void;
  bool operator()(const Indexed& a, const Indexed& b) const { return a.item == b.item; }
  bool operator()(const Indexed& a, const KeyView& b) const {
    return a.hash == b.hash && a.item->key_bytes() == b.bytes;
  }
  bool operator()(const KeyView& a, const Indexed& b) const { return (*this)(b, a); }
  bool operator()(const Indexed& a, Hash b) const { return a.hash == b.value; }
  bool operator()(Hash a, const Indexed& b) const { return (*this)(b, a); }
};

// What an entry costs beside its key and value, so that the budget is near to what the allocator
// gives out. An allocation: 8 bytes of header, and 8 on average to round to 16. The index: 16 + 1
// bytes a slot at a load of 7/16 to 7/8. The slot: 16 bytes of a vector that doubles. The ghost:
// 8 bytes of a deque, 16 + 1 of a table as the index's; as many ghosts as entries.
constexpr std::uint64_t kAllocationBytes = 16;
constexpr std::uint64_t kIndexBytes = 27;
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
  return kItemBytes + item.key_size + charge_of(item.entry.value) + charge_of(item.entry.tags);
}

/// Gives a value that keeps much more memory alive than it shows, such as a slice of a network
/// buffer, memory of its own.
void compact(Value& value) {
  constexpr std::size_t kSlackBytes = 64;
  if (value.retained_bytes() <= 2 * value.size() + kSlackBytes) return;
  value = value.empty() ? Value() : Value::copy_of(value.view());
}

/// Of a value; the processor itself fetches what is read in sequence.
constexpr std::size_t kPrefetchedValueBytes = 256;
/// Where Value keeps the count of its handles, before bytes that were allocated with it.
constexpr std::size_t kCountBytes = 24;
constexpr std::size_t kCacheLineBytes = 64;

/// A hint: any address will do.
void prefetch_bytes(const void* first, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(first) & ~(kCacheLineBytes - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(first) + bytes;
  for (std::uintptr_t line = begin; line < end; line += kCacheLineBytes) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
}

template <class Fn>
void for_each_bit(std::uint64_t bits, Fn&& fn) {
  for (; bits != 0; bits &= bits - 1) fn(static_cast<std::size_t>(std::countr_zero(bits)));
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
  Shard(std::uint64_t budget, std::uint64_t mirror_budget, const Tenure* tenure)
      : tenure_(tenure),
        budget_(budget),
        mirror_budget_(mirror_budget),
        primaries_(budget),
        mirrors_(mirror_budget) {}

  std::optional<Entry> get(KeyView key, TimePoint now) {
    Removed removed;
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    Item& item = *found->item;
    if (fresh(item, now)) {
      queue_of(item).touch(item);
      return item.entry;
    }
    if (!of_present_tenure(item) || now >= item.entry.stale_until) expire_locked(item, removed);
    return std::nullopt;
  }

  std::optional<Entry> get_stale(KeyView key, TimePoint now) const {
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end() || !of_present_tenure(*found->item)) return std::nullopt;
    if (now >= found->item->entry.stale_until) return std::nullopt;
    return found->item->entry;
  }

  bool contains(KeyView key, TimePoint now) const {
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    return found != index_.end() && fresh(*found->item, now);
  }

  bool put(KeyView key, Entry entry, TimePoint now) {
    compact(entry.value);
    entry.stale_until = std::max(entry.stale_until, entry.expires);
    std::unique_ptr<Item> fresh = Item::make(key, std::move(entry));
    const std::uint64_t charge = charge_of(*fresh);

    Removed removed;
    MutexLock lock(&mutex_);
    sweep_locked(now, removed);
    const auto found = index_.find(key);
    Item* present = found == index_.end() ? nullptr : found->item;
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

  // The steps of Store::get_many, which holds the lock.
  Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }
  void prefetch_index(KeyView key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    index_.prefetch(key);
    if (tenure_ != nullptr) tenure_->prefetch(key.slot());
  }
  /// An item with the key's hash, whose memory it does not touch. Null: there is none.
  Item* find_by_hash(KeyView key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = index_.find(Hash{key.hash});
    return found == index_.end() ? nullptr : found->item;
  }
  /// get() of the key, of which `item` has the hash. What has expired is left to the sweep.
  void get_found(KeyView key, Item* item, TimePoint now, std::optional<Entry>& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (item->key_bytes() != key.bytes) {
      const auto found = index_.find(key);
      if (found == index_.end()) return;
      item = found->item;
    }
    if (!fresh(*item, now)) return;
    queue_of(*item).touch(*item);
    entry.emplace(item->entry);
  }

  bool erase(KeyView key) {
    Removed removed;
    MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return false;
    remove_locked(*found->item, removed);
    return true;
  }

  void clear() {
    std::vector<Slot> slots;
    absl::flat_hash_set<Indexed, IndexHash, IndexEqual> index;
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

  bool of_present_tenure(const Item& item) const {
    if (tenure_ == nullptr || item.entry.holding != Holding::owned) return true;
    const std::uint64_t epoch = tenure_->of(slot_of(item.hash));
    return epoch != 0 && epoch == item.entry.version.epoch;
  }
  bool fresh(const Item& item, TimePoint now) const {
    return now < item.entry.expires && of_present_tenure(item);
  }
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
    KITH_CHECK(slots_.size() < UINT32_MAX);
    added.slot = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back({std::move(item), added.entry.stale_until});
    index_.insert(Indexed{added.hash, &added});
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
    index_.erase(Indexed{item.hash, &item});
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

  const Tenure* const tenure_;
  const std::uint64_t budget_;
  const std::uint64_t mirror_budget_;

  mutable Mutex mutex_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<Indexed, IndexHash, IndexEqual> index_ ABSL_GUARDED_BY(mutex_);
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
  KITH_CHECK(std::has_single_bit(shards) && shards <= kMaxShards);
  KITH_CHECK(options.mirror_share >= 0 && options.mirror_share <= 1);
  const std::uint64_t budget = options.budget_bytes / shards;
  const auto mirror_budget =
      static_cast<std::uint64_t>(static_cast<double>(budget) * options.mirror_share);
  for (std::uint64_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(budget, mirror_budget, options.tenure));
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

void Store::get_many(std::span<const KeyView> keys, TimePoint now,
                     std::span<std::optional<Entry>> entries) {
  KITH_CHECK(keys.size() == entries.size());
  for (std::size_t first = 0; first < keys.size(); first += kKeysAtOnce) {
    const std::size_t count = std::min(kKeysAtOnce, keys.size() - first);
    get_some(keys.subspan(first, count), now, entries.subspan(first, count));
  }
}

// The set of locks is known only when it runs, which the analysis cannot follow.
void Store::get_some(std::span<const KeyView> keys, TimePoint now,
                     std::span<std::optional<Entry>> entries) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::array<Shard*, kKeysAtOnce> shards;
  std::array<Item*, kKeysAtOnce> items;
  std::uint64_t involved = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::size_t shard = shard_index(keys[i]);
    shards[i] = shards_[shard].get();
    involved |= std::uint64_t{1} << shard;
    entries[i].reset();
  }
  // In the order of the shards, as everybody does who takes several.
  for_each_bit(involved,
               [&](std::size_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS { shards_[i]->mutex().lock(); });
  // Each round asks for the memory that the next one reads, so that the waits overlap.
  for (std::size_t i = 0; i < keys.size(); ++i) shards[i]->prefetch_index(keys[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    items[i] = shards[i]->find_by_hash(keys[i]);
    if (items[i] != nullptr) prefetch_bytes(items[i], sizeof(Item) + keys[i].bytes.size());
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (items[i] == nullptr || items[i]->entry.value.empty()) continue;
    const Value& value = items[i]->entry.value;
    // The count of the handles stands before the bytes.
    prefetch_bytes(value.data() - kCountBytes,
                   std::min<std::size_t>(value.size(), kPrefetchedValueBytes) + kCountBytes);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (items[i] != nullptr) shards[i]->get_found(keys[i], items[i], now, entries[i]);
  }
  for_each_bit(involved,
               [&](std::size_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS { shards_[i]->mutex().unlock(); });
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

std::size_t Store::shard_index(KeyView key) const {
  // Mixed, because the top bits are the same for all keys of a slot, and the index uses the low.
  return static_cast<std::size_t>(mix64(key.hash)) & (shards_.size() - 1);
}

}  // namespace kith::store
