// SPDX-License-Identifier: Apache-2.0
#include "store/eviction/s3_fifo.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/hash.h"

namespace kith::store {
namespace {

/// Entries of one unit each, named by small numbers, in a queue with room for `capacity`.
class Cache {
 public:
  explicit Cache(std::uint64_t capacity) : capacity_(capacity), queue_(capacity) {}

  /// A use when it is there, else an insert that evicts when the cache is full.
  void access(std::uint64_t name) {
    if (Named* there = find(name)) {
      queue_.touch(*there);
    } else {
      insert(name);
    }
  }
  void insert(std::uint64_t name) {
    while (queue_.charge() + 1 > capacity_) evict();
    Named& entry = entries_.emplace_back();
    entry.name = name;
    queue_.insert(entry, mix64(name + 1), 1);
  }
  std::optional<std::uint64_t> evict() {
    auto* victim = static_cast<Named*>(queue_.evict());
    if (victim == nullptr) return std::nullopt;
    return victim->name;
  }
  bool has(std::uint64_t name) { return find(name) != nullptr; }
  void replace(std::uint64_t name, std::uint64_t charge) {
    Named* entry = find(name);
    queue_.remove(*entry);
    queue_.insert_again(*entry, charge);
  }
  void remove(std::uint64_t name) { queue_.remove(*find(name)); }
  S3Fifo::Queue queue_of(std::uint64_t name) { return find(name)->queue; }
  S3Fifo& queue() { return queue_; }

 private:
  struct Named : S3Fifo::Node {
    std::uint64_t name = 0;
  };
  Named* find(std::uint64_t name) {
    for (Named& entry : entries_) {
      if (entry.name == name && entry.queue != S3Fifo::Queue::none) return &entry;
    }
    return nullptr;
  }

  std::uint64_t capacity_;
  std::deque<Named> entries_;
  S3Fifo queue_;
};

TEST(S3Fifo, EvictsUnusedEntriesInTheOrderOfTheirArrival) {
  Cache cache(10);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.insert(name);
  EXPECT_EQ(cache.evict(), 1u);
  EXPECT_EQ(cache.evict(), 2u);
  EXPECT_EQ(cache.evict(), 3u);
  EXPECT_EQ(cache.evict(), std::nullopt);
}

TEST(S3Fifo, MovesUsedEntriesToTheMainQueue) {
  Cache cache(10);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.insert(name);
  cache.access(1);
  EXPECT_EQ(cache.evict(), 2u);
  EXPECT_EQ(cache.queue_of(1), S3Fifo::Queue::main);
  EXPECT_EQ(cache.queue_of(3), S3Fifo::Queue::small);
}

TEST(S3Fifo, GivesTheMainQueueOneMoreRoundPerUse) {
  Cache cache(100);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.insert(name);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.access(name);
  EXPECT_EQ(cache.evict(), 1u);  // All moved, their uses spent; then in order.
  cache.access(2);
  EXPECT_EQ(cache.evict(), 3u);
  EXPECT_EQ(cache.evict(), 2u);
}

TEST(S3Fifo, AdmitsToTheMainQueueWhatCameBackSoon) {
  Cache cache(10);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.insert(name);
  ASSERT_EQ(cache.evict(), 1u);
  cache.insert(1);
  EXPECT_EQ(cache.queue_of(1), S3Fifo::Queue::main);
}

TEST(S3Fifo, KeepsNoGhostOfWhatWasRemoved) {
  Cache cache(10);
  cache.insert(1);
  cache.remove(1);
  EXPECT_EQ(cache.queue().ghosts(), 0u);
  cache.insert(1);
  EXPECT_EQ(cache.queue_of(1), S3Fifo::Queue::small);
}

TEST(S3Fifo, KeepsAtMostAsManyGhostsAsEntries) {
  Cache cache(50);
  for (std::uint64_t name = 0; name < 1000; ++name) {
    cache.insert(name);
    ASSERT_LE(cache.queue().ghosts(), 50u);
  }
  EXPECT_GE(cache.queue().ghosts(), 49u);
}

TEST(S3Fifo, ForgetsTheOldestGhostFirst) {
  Cache cache(10);
  for (std::uint64_t name = 0; name < 100; ++name) cache.insert(name);
  cache.insert(0);
  EXPECT_EQ(cache.queue_of(0), S3Fifo::Queue::small);
  cache.insert(89);
  EXPECT_EQ(cache.queue_of(89), S3Fifo::Queue::main);
}

TEST(S3Fifo, AGhostForTheSecondTimeLastsAsLongAsAnyOther) {
  Cache cache(4);
  for (std::uint64_t name : {1u, 2u, 3u, 4u}) cache.insert(name);
  ASSERT_EQ(cache.evict(), 1u);  // A ghost for the first time.
  cache.insert(1);
  cache.remove(1);
  cache.insert(1);
  for (std::uint64_t name : {2u, 3u, 4u}) cache.access(name);
  ASSERT_EQ(cache.evict(), 1u);  // For the second time.
  for (std::uint64_t name : {5u, 6u}) cache.insert(name);
  ASSERT_EQ(cache.evict(), 6u);  // As the fourth ghost of three: the first time is forgotten.
  cache.insert(1);
  EXPECT_EQ(cache.queue_of(1), S3Fifo::Queue::main);
}

TEST(S3Fifo, EvictsFromTheMainQueueWhileTheSmallOneIsBelowATenth) {
  Cache cache(20);
  for (std::uint64_t name = 0; name < 20; ++name) cache.access(name);
  for (std::uint64_t name = 0; name < 20; ++name) cache.access(name);
  cache.insert(100);
  ASSERT_EQ(cache.queue_of(100), S3Fifo::Queue::small);
  ASSERT_EQ(cache.queue_of(19), S3Fifo::Queue::main);
  EXPECT_EQ(cache.evict(), 1u);
  EXPECT_TRUE(cache.has(100));
}

TEST(S3Fifo, KeepsQueueAndUsesOfAReplacedEntry) {
  Cache cache(10);
  for (std::uint64_t name : {1u, 2u}) cache.insert(name);
  cache.access(1);
  ASSERT_EQ(cache.evict(), 2u);
  cache.replace(1, 4);
  EXPECT_EQ(cache.queue_of(1), S3Fifo::Queue::main);
  EXPECT_EQ(cache.queue().charge(), 4u);
}

TEST(S3Fifo, KeepsPopularEntriesThroughAScan) {
  Cache cache(100);
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t popular = 0; popular < 50; ++popular) cache.access(popular);
  }
  for (std::uint64_t scanned = 1000; scanned < 3000; ++scanned) cache.access(scanned);
  for (std::uint64_t popular = 0; popular < 50; ++popular) {
    EXPECT_TRUE(cache.has(popular)) << popular;
  }
}

TEST(S3Fifo, ClearForgetsEntriesAndGhosts) {
  Cache cache(2);
  for (std::uint64_t name : {1u, 2u, 3u}) cache.insert(name);
  cache.queue().clear();
  EXPECT_EQ(cache.queue().size(), 0u);
  EXPECT_EQ(cache.queue().charge(), 0u);
  EXPECT_EQ(cache.queue().ghosts(), 0u);
  EXPECT_EQ(cache.evict(), std::nullopt);
}

}  // namespace
}  // namespace kith::store
