// SPDX-License-Identifier: Apache-2.0
#include "store/shard.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/schedule_point.h"

namespace kith::store {
namespace {

/// What a general allocation costs beside its bytes: a header, and what rounding takes on average.
constexpr std::uint64_t kAllocationBytes = 16;

/// Reclaiming makes all threads pass a fence, so it is done for many items at once, or much memory.
constexpr std::size_t kReclaimItems = 64;
constexpr std::uint64_t kReclaimBytes = 256u << 10;
/// Most entries that leave in one step under the lock: some 100 microseconds. Where more are too
/// many, the budget was lowered, and the rest leaves with the next puts and calls of maintain().
constexpr int kVictims = 256;
/// A value that may push many small ones out.
constexpr std::size_t kManyBytes = 16u << 10;
/// Much memory of the index: a part of it.
constexpr std::uint64_t kReclaimIndexShare = 8;

/// Items looked at by each put because their time may be over. A put adds one, which is looked at
/// six times at most.
constexpr std::size_t kExpiryLooks = 16;

/// Of an arena with few pages.
constexpr std::uint64_t kArenaTableBytes = 4096;
/// Part of the budget that is left to what is retired and not yet given back: 1/64.
constexpr std::uint64_t kReserveShare = 64;
/// How far the budget may be exceeded while readers keep that from being given back: 1/32.
constexpr std::uint64_t kOvershootShare = 32;

/// Gives a value that keeps much more memory alive than it shows, such as a slice of a network
/// buffer, memory of its own.
void compact_value(Value& value) {
  constexpr std::size_t kSlackBytes = 64;
  if (value.retained_bytes() <= 2 * value.size() + kSlackBytes) return;
  value = value.empty() ? Value() : Value::copy_of(value.view());
}

/// What stays unused around a large allocation. Others come and go beside it, and the pages of the
/// system that it shares with a hole stay: about half a page at each end, of every second one when
/// sizes differ (Knuth's fifty-percent rule), and nothing when all are equal. Never more than a
/// 32nd, so that the error is small either way.
std::uint64_t bytes_around(std::uint64_t bytes) {
  return std::min<std::uint64_t>(bytes / 32, Arena::kSystemPageBytes / 2);
}

std::uint64_t charge_of(const Extension& extension) {
  std::uint64_t charge = sizeof(Extension);
  if (extension.key.capacity() > std::string().capacity()) {
    charge += extension.key.capacity() + kAllocationBytes;
  }
  if (extension.value.retained_bytes() > 0) {
    const std::uint64_t bytes = extension.value.retained_bytes();
    charge += bytes + kAllocationBytes + bytes_around(bytes);
  } else {
    charge += extension.value.size();
  }
  if (extension.tags == nullptr) return charge;
  charge += sizeof(*extension.tags) + 2 * kAllocationBytes;
  for (const std::string& tag : *extension.tags) {
    charge += sizeof(tag) + tag.size() + kAllocationBytes;
  }
  return charge;
}

}  // namespace

/// How an entry will lie in memory.
struct Shard::Shape {
  std::size_t slot_bytes = 0;
  bool outside = false;
  std::optional<Extension> extension;

  std::uint64_t outside_bytes() const { return extension ? extension->charge : 0; }
};

Shard::Shard(const ShardOptions& options)
    : tenure_(options.tenure),
      mirror_share_(options.mirror_share),
      advisor_(*options.advisor),
      compressor_(options.compressor),
      arena_(Arena::make(page_bytes_for(options.budget_bytes))),
      items_(*arena_, options.hash_seed),
      budget_(options.budget_bytes),
      primaries_(items_, options.budget_bytes),
      mirrors_(items_, static_cast<std::uint64_t>(static_cast<double>(options.budget_bytes) *
                                                  options.mirror_share)) {
  epochs_[Item::kOwnEpoch].store(UINT64_MAX, std::memory_order_relaxed);
}

Shard::~Shard() {
  // Nobody reads any more. Slots that values use stay behind with the arena.
  arena_->for_each_taken([this](Handle handle) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Item& item = items_[handle];
    if (item.queue == 0 || item.extension() == nullptr) return;
    extensions_.take(*item.extension());
  });
  for (const std::vector<Retired>* batch : {&waiting_, &retired_}) {
    for (const Retired& retired : *batch) {
      Extension* const extension = items_[retired.handle].extension();
      if (!retired.moved && extension != nullptr) extensions_.take(*extension);
    }
  }
}

std::size_t Shard::page_bytes_for(std::uint64_t budget) {
  // Some hundred pages, so that the sizes in use have one each and little of the budget lies idle.
  return std::clamp<std::size_t>(std::bit_floor(budget / 512), 1024, 32768);
}

// Reading

void Shard::prefetch_item(std::uint64_t hash) const {
  const Handle handle = index_.find(low(hash), [](Handle) { return true; });
  if (handle == 0) return;
  const auto* const first = static_cast<const std::byte*>(arena_->at(handle));
  constexpr std::size_t kLines = 3;  // A small entry.
  for (std::size_t line = 0; line < kLines; ++line) __builtin_prefetch(first + line * 64);
}

Handle Shard::handle_of(std::uint64_t hash, std::string_view key) const {
  return index_.find(low(hash), [&](Handle candidate) {
    schedule::point("find: has a handle");
    return items_[candidate].has_key(key);
  });
}

Item* Shard::find_anywhere(std::uint64_t hash, std::string_view key) const {
  const Handle handle = handle_of(hash, key);
  return handle == 0 ? nullptr : &items_[handle];
}

bool Shard::of_present_slot_tenure(const Item& item) const {
  if (item.holding() != Holding::owned) return true;
  const std::uint64_t epoch = version_of(item).epoch;
  if (epoch == tenure_->unbroken()) return true;
  const std::uint64_t present = tenure_->of(slot_of(placement_hash(item.key())));
  return present != 0 && epoch == present;
}

Value Shard::decompressed(const Item& item) const {
  const auto frame = std::as_bytes(std::span(item.value()));
  const std::optional<std::size_t> size = compressor_->original_size(frame);
  KITH_CHECK(size.has_value());
  std::byte* bytes = nullptr;
  Value value = Value::uninitialized(*size, &bytes);
  KITH_CHECK(compressor_->decompress(frame, bytes, *size));
  return value;
}

Entry Shard::entry_of(Item& item, const Pin& pin) const {
  Entry entry;
  entry.value = value_of(item, pin);
  entry.negative = item.has(Item::kNegative);
  entry.holding = item.holding();
  entry.version = version_of(item);
  if (item.has(Item::kMortal)) {
    const Item::Life life = item.life();
    entry.expires = life.expires;
    entry.stale_until = life.stale_until;
    entry.load_cost = std::chrono::microseconds(life.load_cost_us);
  }
  if (const Extension* extension = item.extension()) entry.tags = extension->tags;
  return entry;
}

// Writing

Shard::Outcome Shard::put(std::uint64_t hash, KeyView key, Entry&& entry, bool compressed,
                          TimePoint now) {
  Garbage garbage;
  compact_value(entry.value);
  entry.stale_until = std::max(entry.stale_until, entry.expires);
  if (entry.value.size() > kManyBytes && now < entry.stale_until) {
    make_way(entry.value.size(), entry.holding);
  }
  MutexLock lock(&mutex_);
  expire(now, kExpiryLooks);
  Handle present = handle_of(hash, key.bytes);
  const bool alive = now < entry.stale_until;
  Shape shape = shape_of(key, entry);
  const Holding holding = entry.holding;
  const std::uint64_t charge =
      arena_->slot_bytes(shape.slot_bytes) + Items::kIndexBytes + shape.outside_bytes();
  const bool full =
      content() + charge > content_limit() ||
      (holding == Holding::mirror && mirrors_.charge() + charge > limit_for(Holding::mirror));
  if (!alive || charge > limit_for(holding)) {
    if (present != 0) remove(hash, present);
    ++(alive ? rejected_ : expirations_);
    return alive ? Outcome::refused : Outcome::dead;
  }
  const Handle handle = make_item(key, std::move(entry), compressed, shape, garbage);
  // Making room may have taken it.
  if (present != 0) present = handle_of(hash, key.bytes);
  if (handle == 0) {
    if (present != 0) remove(hash, present);
    ++rejected_;
    return Outcome::refused;
  }
  schedule::point("put: has written");
  link(hash, handle, present, full);
  schedule::point("put: has linked");
  evict_excess();
  if (items_[handle].has(Item::kMortal)) wheel_.add(handle, items_[handle].stale_until());
  if (reclaim_due()) reclaim(garbage);
  // The index may have grown.
  constexpr int kSteps = 8;
  for (int i = 0; i < kSteps && used() > budget_ + overshoot(); ++i) {
    if (primaries_.size() + mirrors_.size() == 1 || !free_something(garbage)) break;
  }
  return present == 0 ? Outcome::inserted : Outcome::replaced;
}

std::size_t Shard::entries() const {
  MutexLock lock(&mutex_);
  return primaries_.size() + mirrors_.size();
}

std::size_t Shard::expected_entries() const {
  MutexLock lock(&mutex_);
  const std::uint64_t entries = primaries_.size() + mirrors_.size();
  return entries == 0 ? 0 : static_cast<std::size_t>(content_limit() * entries / content());
}

Shard::Shape Shard::shape_of(KeyView key, const Entry& entry) const {
  Shape shape;
  const bool mortal = entry.expires != TimePoint::max();
  shape.slot_bytes = sizeof(Item) + (mortal ? Item::kLifeBytes : 0);
  const std::size_t with_both = shape.slot_bytes + key.bytes.size() + entry.value.size();
  shape.outside = with_both + sizeof(Extension*) > arena_->max_slot_bytes();
  if (!shape.outside) shape.slot_bytes = with_both;
  const bool wide = entry.version.sequence > UINT32_MAX;
  if (!shape.outside && !wide && entry.tags == nullptr) return shape;
  shape.slot_bytes += sizeof(Extension*);
  shape.extension.emplace();
  shape.extension->version = entry.version;
  shape.extension->tags = entry.tags;
  if (shape.outside) {
    shape.extension->key = key.bytes;
    shape.extension->value = entry.value;
  }
  shape.extension->charge = charge_of(*shape.extension);
  return shape;
}

/// Whether so much may come before others leave for it. They leave afterwards if they can, because
/// it may be what comes that is worth the least.
bool Shard::fits(std::uint64_t bytes) const {
  return content() + bytes <= content_limit() + budget_ / kReserveShare;
}

/// Has those leave for which a large value leaves no room, in steps, so that nobody waits long for
/// the lock.
void Shard::make_way(std::uint64_t bytes, Holding holding) {
  // Others may fill the room meanwhile. Theirs is then made under the lock, as for small values.
  std::uint64_t left = bytes;
  while (left > 0) {
    Garbage garbage;
    MutexLock lock(&mutex_);
    if (bytes > limit_for(holding)) return;
    for (int i = 0; i < kVictims; ++i) {
      const std::uint64_t before = content();
      if (fits(bytes) || before == 0 || !evict_one()) return;
      left -= std::min(left, before - content());
    }
    if (reclaim_due()) reclaim(garbage);
  }
}

/// A new item that is nowhere yet. 0: there is no room.
Handle Shard::make_item(KeyView key, Entry&& entry, bool compressed, Shape& shape,
                        Garbage& garbage) {
  std::uint32_t epoch = Item::kOwnEpoch;
  if (!shape.extension) {
    epoch = number_of_epoch(entry.version.epoch);
    if (epoch == Item::kOwnEpoch) {
      shape.extension.emplace();
      shape.extension->version = entry.version;
      shape.extension->charge = charge_of(*shape.extension);
      shape.slot_bytes += sizeof(Extension*);
    }
  }
  // Others leave when it is there, but what is outside of the arena must have room first. Most of
  // it was made by make_way().
  int victims = 0;
  while (shape.outside_bytes() > 0 && victims++ < kVictims && !fits(shape.outside_bytes()) &&
         content() > 0 && evict_one()) {
  }
  if (!make_room(shape.outside_bytes(), garbage)) return 0;
  Extension* const extension =
      shape.extension ? &extensions_.add(*std::move(shape.extension)) : nullptr;
  const Handle handle = take_slot(shape.slot_bytes, garbage);
  if (handle == 0) {
    if (extension != nullptr) garbage.push_back(extensions_.take(*extension));
    return 0;
  }
  Item& item = items_[handle];
  item.newer = 0;
  item.queue = 0;
  item.older = 0;
  item.unused = 0;
  item.uses.store(0, std::memory_order_relaxed);
  const bool mortal = entry.expires != TimePoint::max();
  item.flags = static_cast<std::uint8_t>(
      (entry.negative ? Item::kNegative : 0) |
      static_cast<unsigned>(entry.holding) << Item::kHoldingShift | (mortal ? Item::kMortal : 0) |
      (compressed ? Item::kCompressed : 0) | (extension != nullptr ? Item::kExtended : 0) |
      (shape.outside ? Item::kOutside : 0));
  item.epoch = epoch & Item::kOwnEpoch;
  if (epoch != Item::kOwnEpoch) ++epoch_users_[epoch];
  item.sequence = static_cast<std::uint32_t>(entry.version.sequence);
  const std::string_view key_here = shape.outside ? std::string_view() : key.bytes;
  const std::string_view value_here = shape.outside ? std::string_view() : entry.value.view();
  constexpr std::size_t kSizeMask = (std::size_t{1} << Item::kSizeBits) - 1;
  item.key_size = static_cast<std::uint32_t>(key_here.size() & kSizeMask);
  item.value_size = static_cast<std::uint32_t>(value_here.size() & kSizeMask);
  char* at = item.bytes_here();
  const auto write = [&at](const void* bytes, std::size_t size) {
    if (size > 0) std::memcpy(at, bytes, size);
    at += size;
  };
  write(key_here.data(), key_here.size());
  write(value_here.data(), value_here.size());
  if (mortal) {
    const auto cost = std::chrono::duration_cast<std::chrono::microseconds>(entry.load_cost);
    const Item::Life life{
        entry.expires, entry.stale_until,
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(cost.count(), 0, UINT32_MAX))};
    write(&life, Item::kLifeBytes);
  }
  if (extension != nullptr) {
    outside_bytes_ += extension->charge;
    write(&extension, sizeof(extension));
  }
  return handle;
}

/// Has the item found, in the place of `present` if that is not 0.
void Shard::link(std::uint64_t hash, Handle handle, Handle present, bool full) {
  Eviction& to = queue_of(items_[handle]);
  newest_in_ = &to;
  if (present == 0) {
    to.insert(handle, full);
    index_.insert(low(hash), handle);
    return;
  }
  Eviction& from = queue_of(items_[present]);
  if (&from == &to) {
    to.substitute(present, handle);
    to.protect(handle);
  } else {
    from.remove(present);
    to.insert(handle, full);
  }
  index_.replace(low(hash), present, handle);
  schedule::point("put: has replaced");
  retire(present, false);
}

/// The number that stands for an epoch in items. kOwnEpoch: all are in use for others.
std::uint32_t Shard::number_of_epoch(std::uint64_t epoch) {
  std::uint32_t unused = Item::kOwnEpoch;
  for (std::uint32_t i = 0; i < Item::kOwnEpoch; ++i) {
    if (epoch_users_[i] == 0) {
      unused = std::min(unused, i);
    } else if (epochs_[i].load(std::memory_order_relaxed) == epoch) {
      return i;
    }
  }
  // Relaxed: it is read by who finds an item that is published later.
  if (unused != Item::kOwnEpoch) epochs_[unused].store(epoch, std::memory_order_relaxed);
  return unused;
}

bool Shard::erase(std::uint64_t hash, std::string_view key) {
  Garbage garbage;
  MutexLock lock(&mutex_);
  const Handle handle = handle_of(hash, key);
  if (handle == 0) return false;
  remove(hash, handle);
  if (reclaim_due()) reclaim(garbage);
  return true;
}

void Shard::drop_dead(std::uint64_t hash, std::string_view key, TimePoint now) {
  MutexLock lock(&mutex_);
  const Handle handle = handle_of(hash, key);
  if (handle == 0) return;
  const Item& item = items_[handle];
  if (now < item.stale_until() && of_present_tenure(item)) return;
  remove(hash, handle);
  ++expirations_;
}

void Shard::clear() {
  Garbage garbage;
  MutexLock lock(&mutex_);
  index_.clear();
  schedule::point("clear: nothing is found");
  primaries_.clear();
  mirrors_.clear();
  wheel_.clear();
  arena_->for_each_taken([this](Handle handle) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Item& item = items_[handle];
    if (item.queue == 0) return;  // Retired before.
    item.queue = 0;
    retire(handle, false);
  });
  reclaim(garbage);
}

bool Shard::maintain(TimePoint now) {
  Garbage garbage;
  MutexLock lock(&mutex_);
  expire(now, 32 * kExpiryLooks);
  // A step may move a page's items.
  constexpr int kSteps = 16;
  for (int i = 0; i < kVictims && content() > content_limit() && evict_one(); ++i) {
  }
  reclaim(garbage);
  int steps = 0;
  while (steps < kSteps && used() > budget_ && free_something(garbage)) ++steps;
  return steps == kSteps || content() > content_limit();
}

void Shard::use_huge_pages() {
  constexpr int kAtOnce = 8;
  for (int i = 0; i < kAtOnce; ++i) {
    std::int64_t first = 0;
    {
      MutexLock lock(&mutex_);
      first = arena_->next_to_collapse();
    }
    if (first < 0 || !arena_->collapse(first)) return;
    MutexLock lock(&mutex_);
    arena_->note_collapsed(first);
  }
}

void Shard::set_budget(std::uint64_t bytes) {
  MutexLock lock(&mutex_);
  budget_ = bytes;
  primaries_.set_capacity(bytes);
  mirrors_.set_capacity(limit_for(Holding::mirror));
}

void Shard::add_stats(StoreStats& stats) const {
  MutexLock lock(&mutex_);
  stats.entries += index_.size();
  stats.bytes += content();
  stats.mirror_bytes += mirrors_.charge();
  stats.memory_bytes += used();
  stats.returns += primaries_.returns();
  stats.evictions += evictions_;
  stats.expirations += expirations_;
  stats.rejected += rejected_;
}

void Shard::remove(std::uint64_t hash, Handle handle) {
  queue_of(items_[handle]).remove(handle);
  index_.erase(low(hash), handle);
  schedule::point("remove: has unlinked");
  retire(handle, false);
}

void Shard::expire(TimePoint now, std::size_t most) {
  wheel_.advance(now, most, [&](Handle handle) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    // The item that was meant may be gone, and another one in its slot.
    if (!arena_->in_use(handle) || items_[handle].queue == 0) return;
    const Item& item = items_[handle];
    if (!item.has(Item::kMortal)) return;
    if (now < item.stale_until()) return wheel_.add(handle, item.stale_until());
    remove(items_.hash(item), handle);
    ++expirations_;
  });
}

// Memory

std::uint64_t Shard::used() const {
  const std::uint64_t unused_places = extensions_.bytes() - extensions_.size() * sizeof(Extension);
  return sizeof(Shard) + arena_->resident_bytes() + index_.bytes() + outside_bytes_ +
         unused_places + primaries_.bytes() + mirrors_.bytes() + wheel_.bytes() +
         (retired_.capacity() + waiting_.capacity()) * sizeof(Retired);
}

std::uint64_t Shard::limit_for(Holding holding) const {
  const std::uint64_t most = content_limit();
  if (holding != Holding::mirror) return most;
  return std::min(most, static_cast<std::uint64_t>(static_cast<double>(budget_) * mirror_share_));
}

/// What the entries take, by rule and not by what the allocations happen to be: else a table that
/// grows would push out a hundred entries, and let in a hundred without a judgement afterwards.
std::uint64_t Shard::content() const { return primaries_.charge() + mirrors_.charge(); }

/// Of the content. The rest of the budget is for what every shard has, for what is retired and not
/// yet given back, and for pages that are not full.
std::uint64_t Shard::content_limit() const {
  const std::uint64_t reserve = std::max(
      budget_ / kReserveShare, std::min<std::uint64_t>(2 * arena_->page_bytes(), budget_ / 16));
  const std::uint64_t beside = sizeof(Shard) + kArenaTableBytes + wheel_.bytes() + reserve;
  return budget_ > beside ? budget_ - beside : 0;
}

/// One leaves for one that came, so that the order in which they leave is the queues' own. What
/// came last stays, if need be alone.
void Shard::evict_excess() {
  int victims = 0;
  const std::uint64_t mirror_limit = limit_for(Holding::mirror);
  while (mirrors_.charge() > mirror_limit && mirrors_.size() > 1 && ++victims < kVictims) {
    evict(mirrors_, mirrors_.charge() - mirror_limit);
  }
  while (content() > content_limit() && primaries_.size() + mirrors_.size() > 1 &&
         ++victims < kVictims && evict_one()) {
  }
}

/// A slot for a new item. 0: readers keep too much from being given back.
Handle Shard::take_slot(std::size_t bytes, Garbage& garbage) {
  // When the budget was lowered by much, not everything leaves for the first that comes. A step may
  // move a page's items.
  const int steps = used() > budget_ + budget_ / 16 ? 4 : INT_MAX;
  for (int step = 0;; ++step) {
    if (const Handle handle = arena_->allocate(bytes)) return handle;
    // A page that is added takes memory as its slots are taken, one that is kept takes none.
    const std::size_t taken = std::min(arena_->page_bytes(), Arena::kSystemPageBytes);
    if (arena_->spare_bytes() > 0 || used() + taken <= budget_ + overshoot() || step == steps) {
      if (!arena_->add_page(bytes)) return 0;
    } else if (!free_something(garbage)) {
      return 0;
    }
  }
}

/// Until there is room for `bytes` outside of the arena.
bool Shard::make_room(std::uint64_t bytes, Garbage& garbage) {
  while (bytes > 0 && used() + bytes > budget_ + overshoot()) {
    if (!free_something(garbage)) return false;
  }
  return true;
}

/// What readers may make the store have too much. 0 unless they do.
std::uint64_t Shard::overshoot() const {
  return waiting_.empty() ? 0 : std::min(retired_bytes_, budget_ / kOvershootShare);
}

/// One step towards more free memory. False: there is none.
bool Shard::free_something(Garbage& garbage) {
  if (reclaim(garbage)) return true;
  const bool readers_lag = retired_bytes_ > budget_ / kOvershootShare + kReclaimBytes;
  if (readers_lag) return false;
  return compact() || evict_one();
}

bool Shard::evict_one() {
  const std::uint64_t present = content();
  const std::uint64_t limit = content_limit();
  Eviction* queue = primaries_.size() > 1 || mirrors_.size() == 0 ? &primaries_ : &mirrors_;
  // What came last leaves last.
  if (queue == newest_in_ && queue->size() == 1 && primaries_.size() > 0) queue = &primaries_;
  return evict(*queue, present > limit ? present - limit : 0);
}

bool Shard::evict(Eviction& queue, std::uint64_t excess) {
  queue.follow(advisor_.best());
  const Handle victim = queue.evict(excess);
  if (victim == 0) return false;
  index_.erase(low(items_.hash(items_[victim])), victim);
  schedule::point("evict: has unlinked");
  retire(victim, false);
  ++evictions_;
  return true;
}

/// Makes a page empty whose items find room in others like it. The page is given back when nobody
/// reads them any more.
bool Shard::compact() {
  const std::int64_t page = arena_->isolate_sparse_page();
  if (page < 0) return false;
  bool done = true;
  arena_->for_each_taken(page, [&](Handle handle) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Item& item = items_[handle];
    if (!done || item.queue == 0) return;
    // A value that uses the slot would keep the page.
    done = item.lent.references.load(std::memory_order_relaxed) == 1 && move(handle);
  });
  if (!done) arena_->restore_page(page);
  return done;
}

bool Shard::move(Handle handle) {
  Item& from = items_[handle];
  const Handle next = arena_->allocate(from.bytes());
  if (next == 0) return false;
  Item& to = items_[next];
  to.newer = 0;
  to.queue = 0;
  to.older = 0;
  to.unused = 0;
  to.flags = from.flags;
  to.key_size = from.key_size;
  to.value_size = from.value_size;
  to.epoch = from.epoch;
  to.sequence = from.sequence;
  std::memcpy(to.bytes_here(), from.bytes_here(), from.bytes() - sizeof(Item));
  schedule::point("move: has copied");
  queue_of(from).substitute(handle, next);
  index_.replace(low(items_.hash(to)), handle, next);
  schedule::point("move: has replaced");
  if (to.has(Item::kMortal)) wheel_.add(next, to.stale_until());
  if (to.epoch != Item::kOwnEpoch) ++epoch_users_[to.epoch];
  retire(handle, true);
  return true;
}

void Shard::retire(Handle handle, bool moved) {
  const std::uint64_t charge = items_.charge(items_[handle]);
  retired_bytes_ += charge;
  retired_.push_back({handle, moved, charge});
}

/// Enough to be worth it, and not looked at in vain for the last few items.
bool Shard::reclaim_due() const {
  if (index_.retired_bytes() * kReclaimIndexShare > index_.bytes() && retired_.size() % 8 == 0) {
    return true;
  }
  return retired_.size() >= kReclaimItems || retired_bytes_ >= kReclaimBytes;
}

/// Gives up what nobody can be reading any more. True: that was something.
bool Shard::reclaim(Garbage& garbage) {
  arena_->collect();
  bool any = false;
  // Twice: when the last batch is gone, this one may be too.
  for (int i = 0; i < 2; ++i) {
    if (waiting_.empty()) {
      if (retired_.empty() && index_.retired_bytes() == 0) break;
      waiting_.swap(retired_);
      waiting_epoch_ = epoch::retire();
    }
    if (!epoch::all_left(waiting_epoch_)) break;
    schedule::point("reclaim: all have left");
    std::vector<const Lent*> lents;
    lents.reserve(waiting_.size());
    for (const Retired& retired : waiting_) lents.push_back(&items_[retired.handle].lent);
    std::ranges::sort(lents);
    count_holds([&](const Lent& lent) { return std::ranges::binary_search(lents, &lent); });
    schedule::point("reclaim: has counted");
    for (const Retired& retired : waiting_) give_up(retired, garbage);
    index_.reclaim(waiting_epoch_);
    any = any || !waiting_.empty();
    waiting_.clear();
  }
  return any;
}

void Shard::give_up(const Retired& retired, Garbage& garbage) {
  const Item& item = items_[retired.handle];
  retired_bytes_ -= retired.charge;
  if (item.epoch != Item::kOwnEpoch) --epoch_users_[item.epoch];
  if (Extension* extension = item.extension(); extension != nullptr && !retired.moved) {
    outside_bytes_ -= extension->charge;
    garbage.push_back(extensions_.take(*extension));
  }
  arena_->give_up(retired.handle);
}

}  // namespace kith::store
