// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "store/eviction/ghosts.h"
#include "store/eviction/queue.h"
#include "store/eviction/rules.h"
#include "store/eviction/settings.h"
#include "store/items.h"

namespace kith::store {

/// Chooses which item to give up, by Rules. Holds no item: whoever owns them keeps them while they
/// are in here. Deterministic. Not thread-safe, but for Item::touch().
class Eviction {
 public:
  /// `capacity` in bytes; it is the owner who calls evict() while there is too much.
  Eviction(const Items& items, std::uint64_t capacity)
      : cache_{.items = items,
               .capacity_ = capacity,
               .queues = {Queue(items, 1), Queue(items, 2), Queue(items, 3)}} {}

  void set_capacity(std::uint64_t capacity) { cache_.capacity_ = capacity; }
  void follow(const Settings& settings) { cache_.settings_ = &settings; }

  /// Takes in an item that is new. `full`: others had to leave for it, or have to now.
  void insert(Handle handle, bool full) {
    cache_.full = full;
    Rules<Cache>::insert(cache_, handle);
  }

  /// The item takes the place of the other, with its uses.
  void substitute(Handle handle, Handle next) {
    cache_.set_uses(next, cache_.uses(handle));
    if (cache_.newest_ == handle) cache_.newest_ = next;
    queue_of(handle).substitute(handle, next);
  }
  /// The item is not to leave before another one came.
  void protect(Handle handle) {
    if (cache_.items[handle].queue == static_cast<std::uint32_t>(QueueId::doomed)) {
      queue_of(handle).remove(handle);
      cache_.push(QueueId::small, handle);
    }
    cache_.newest_ = handle;
  }

  /// Lets an item go, which is not remembered.
  void remove(Handle handle) {
    if (cache_.newest_ == handle) cache_.newest_ = 0;
    queue_of(handle).remove(handle);
  }

  /// Chooses the least worthy item and lets it go. 0 when there is none. `excess`: bytes that are
  /// too much, of which the capacity follows. Amortized O(1), and never more than some hundred
  /// steps.
  Handle evict(std::uint64_t excess) {
    if (size() == 0) return 0;
    cache_.capacity_ = charge() - std::min(charge(), excess);
    cache_.ghosts.resize(kGhostsPerItem * size());
    const Handle victim = Rules<Cache>::evict(cache_);
    if (cache_.newest_ == victim) cache_.newest_ = 0;
    return victim;
  }

  /// Forgets all items, whose fields stay as they are.
  void clear() {
    for (Queue& queue : cache_.queues) queue.clear();
    cache_.ghosts.clear();
    cache_.newest_ = 0;
  }

  std::uint64_t charge() const {
    return cache_.charge(QueueId::small) + cache_.charge(QueueId::main) +
           cache_.charge(QueueId::doomed);
  }
  std::size_t size() const {
    return cache_.count(QueueId::small) + cache_.count(QueueId::main) +
           cache_.count(QueueId::doomed);
  }
  /// How many came that had to leave not long ago.
  std::uint64_t returns() const { return cache_.returns; }
  /// Memory beside the items.
  std::size_t bytes() const { return cache_.ghosts.bytes(); }

 private:
  static constexpr std::size_t kGhostsPerItem = 2;

  struct Cache {
    using Node = Handle;

    const Items& items;
    std::uint64_t capacity_;
    std::array<Queue, 3> queues;
    const Settings* settings_ = &kExperts[0];
    Ghosts ghosts{};
    Handle newest_ = 0;
    unsigned refills = 0;
    std::uint64_t returns = 0;
    bool full = false;

    const Settings& settings() const { return *settings_; }
    std::uint64_t capacity() const { return capacity_; }
    bool has_room(Handle) const { return !full; }
    const Queue& queue(QueueId id) const { return queues[static_cast<std::size_t>(id) - 1]; }
    Queue& queue(QueueId id) { return queues[static_cast<std::size_t>(id) - 1]; }
    std::uint64_t charge(QueueId id) const { return queue(id).charge(); }
    std::uint64_t charge(Handle handle) const { return items.charge(items[handle]); }
    std::size_t count(QueueId id) const { return queue(id).size(); }
    void push(QueueId id, Handle handle) { queue(id).push(handle); }
    Handle pop(QueueId id) {
      const Handle handle = queue(id).oldest();
      queue(id).remove(handle);
      return handle;
    }
    std::uint8_t uses(Handle handle) const {
      return items[handle].uses.load(std::memory_order_relaxed);
    }
    void set_uses(Handle handle, std::uint8_t uses) {
      items[handle].uses.store(uses, std::memory_order_relaxed);
    }
    void remember(Handle handle) { ghosts.add(items.hash(items[handle])); }
    bool recall(Handle handle) {
      const bool was_there = ghosts.take(items.hash(items[handle]));
      if (was_there) ++returns;
      return was_there;
    }
    Handle newest() const { return newest_; }
    void set_newest(Handle handle) { newest_ = handle; }
    unsigned next_refill() { return ++refills; }
  };

  Queue& queue_of(Handle handle) {
    return cache_.queues[cache_.items[handle].queue - std::size_t{1}];
  }

  Cache cache_;
};

}  // namespace kith::store
