// SPDX-License-Identifier: Apache-2.0
#include "store/eviction/eviction.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "store/eviction/advisor.h"
#include "store/eviction/ghosts.h"
#include "store/eviction/settings.h"
#include "store/items.h"
#include "store/memory/arena.h"

namespace kith::store {
namespace {

constexpr std::size_t kLoops = 0;
constexpr std::size_t kRecency = 5;
static_assert(kExperts[kRecency].recirculate);
/// For an advisor.
constexpr std::uint64_t kAmpleMemory = 1u << 20;

std::uint64_t hash_of(std::uint64_t key) { return mix64(key + 1); }

// What left is remembered for a while.

std::size_t count_known(Ghosts& ghosts, std::uint64_t begin, std::uint64_t end) {
  std::size_t known = 0;
  for (std::uint64_t key = begin; key < end; ++key) known += ghosts.take(hash_of(key));
  return known;
}
void add_range(Ghosts& ghosts, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t key = begin; key < end; ++key) ghosts.add(hash_of(key));
}

TEST(Ghosts, RememberUntilTheyAreAsked) {
  Ghosts ghosts(100);
  ghosts.add(hash_of(1));
  EXPECT_FALSE(ghosts.take(hash_of(2)));
  EXPECT_TRUE(ghosts.take(hash_of(1)));
  EXPECT_FALSE(ghosts.take(hash_of(1)));
}

TEST(Ghosts, RememberMostOfWhatTheyHaveRoomFor) {
  Ghosts ghosts(1000);
  add_range(ghosts, 0, 1000);
  EXPECT_GT(count_known(ghosts, 0, 1000), 850u);
}

TEST(Ghosts, ForgetTheOldest) {
  Ghosts ghosts(1000);
  add_range(ghosts, 0, 5000);
  EXPECT_LT(count_known(ghosts, 0, 3000), 60u);
  EXPECT_GT(count_known(ghosts, 4500, 5000), 450u);
}

TEST(Ghosts, SeldomKnowWhatWasNeverThere) {
  Ghosts ghosts(1000);
  add_range(ghosts, 0, 1000);
  EXPECT_LT(count_known(ghosts, 100'000, 200'000), 200u);  // One in 2000, until it is taken.
}

TEST(Ghosts, TellEveryMark) {
  // All 16 bits of the mark, the small ones of which have other uses.
  Ghosts ghosts(1);
  for (std::uint64_t mark = 0; mark <= UINT16_MAX; ++mark) {
    ASSERT_FALSE(ghosts.take(mark << 32)) << mark;
    ghosts.add(mark << 32);
    ASSERT_TRUE(ghosts.take(mark << 32)) << mark;
  }
}

TEST(Ghosts, ABucketForgetsInTurn) {
  Ghosts ghosts(1);
  const auto of_mark = [](std::uint64_t mark) { return (1000 + mark) << 32; };
  for (std::uint64_t mark = 0; mark < 32; ++mark) ghosts.add(of_mark(mark));
  EXPECT_FALSE(ghosts.take(of_mark(0)));
  for (std::uint64_t mark = 1; mark < 32; ++mark) EXPECT_TRUE(ghosts.take(of_mark(mark))) << mark;
}

TEST(Ghosts, WithoutRoomRememberNothing) {
  Ghosts ghosts;
  ghosts.add(hash_of(1));
  EXPECT_FALSE(ghosts.take(hash_of(1)));
  EXPECT_EQ(ghosts.bytes(), 0u);
}

TEST(Ghosts, RememberOnWhenTheyAreGivenMoreRoom) {
  Ghosts ghosts(31 * 32);
  add_range(ghosts, 0, 500);
  const std::size_t before = ghosts.bytes();
  ghosts.resize(31 * 64);
  EXPECT_EQ(ghosts.bytes(), 2 * before);
  EXPECT_GE(count_known(ghosts, 0, 500), 495u);
}

TEST(Ghosts, KeepAPartWhenTheirRoomShrinks) {
  Ghosts ghosts(31 * 64);
  add_range(ghosts, 0, 500);
  const std::size_t before = ghosts.bytes();
  ghosts.resize(31 * 16);
  EXPECT_EQ(ghosts.bytes(), before / 4);
  add_range(ghosts, 1000, 1400);
  EXPECT_GT(count_known(ghosts, 1000, 1400), 320u);
}

TEST(Ghosts, KeepTheirRoomWhileItIsAboutRight) {
  Ghosts ghosts(31 * 64);
  add_range(ghosts, 0, 500);
  ghosts.resize(31 * 40);
  ghosts.resize(31 * 63);
  EXPECT_GE(count_known(ghosts, 0, 500), 495u);
}

TEST(Ghosts, ForgetAllWhenCleared) {
  Ghosts ghosts(100);
  ghosts.add(hash_of(1));
  ghosts.clear();
  ghosts.resize(100);
  EXPECT_FALSE(ghosts.take(hash_of(1)));
}

// The queues.

/// Items of one arena, by numbers for keys.
class ItemPool {
 public:
  Handle make(std::uint64_t key, std::size_t value_bytes = 50) {
    const std::string name = std::to_string(1'000'000 + key);
    const std::size_t bytes = Item::bytes(0, name.size(), value_bytes);
    Handle handle = arena->allocate(bytes);
    if (handle == 0) {
      EXPECT_TRUE(arena->add_page(bytes));
      handle = arena->allocate(bytes);
    }
    Item& item = items[handle];
    item.newer = 0;
    item.older = 0;
    item.queue = 0;
    item.uses.store(0);
    item.flags = 0;
    item.key_size = static_cast<std::uint32_t>(name.size()) & 0x1fff;
    item.value_size = static_cast<std::uint32_t>(value_bytes) & 0x1fff;
    item.epoch = 0;
    item.sequence = 0;
    std::memcpy(item.bytes_here(), name.data(), name.size());
    return handle;
  }
  void give_up(Handle handle) { arena->give_up(handle); }
  std::uint64_t key_of(Handle handle) const {
    return std::stoull(std::string(items[handle].key())) - 1'000'000;
  }
  std::uint64_t charge(Handle handle) const { return items.charge(items[handle]); }

  Arena::Pointer arena = Arena::make(4096);
  Items items{*arena, 7};
};

TEST(Queue, IsInTheOrderOfArrival) {
  ItemPool pool;
  Queue queue(pool.items, 2);
  const Handle one = pool.make(1);
  const Handle two = pool.make(2, 100);
  const Handle three = pool.make(3);
  for (const Handle handle : {one, two, three}) queue.push(handle);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.charge(), pool.charge(one) + pool.charge(two) + pool.charge(three));
  EXPECT_EQ(pool.items[two].queue, 2u);
  EXPECT_EQ(queue.oldest(), one);
  queue.remove(two);
  EXPECT_EQ(pool.items[two].queue, 0u);
  queue.remove(one);
  EXPECT_EQ(queue.oldest(), three);
  EXPECT_EQ(queue.charge(), pool.charge(three));
  queue.remove(three);
  EXPECT_EQ(queue.oldest(), 0u);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.charge(), 0u);
}

TEST(Queue, PutsASubstituteInTheSamePlace) {
  for (int place = 0; place < 3; ++place) {
    ItemPool pool;
    Queue queue(pool.items, 1);
    std::vector<Handle> handles = {pool.make(0), pool.make(1), pool.make(2)};
    for (const Handle handle : handles) queue.push(handle);
    const auto at = static_cast<std::size_t>(place);
    const Handle next = pool.make(9, 200);
    queue.substitute(handles[at], next);
    EXPECT_EQ(pool.items[handles[at]].queue, 0u);
    handles[at] = next;
    std::uint64_t charge = 0;
    for (const Handle handle : handles) charge += pool.charge(handle);
    EXPECT_EQ(queue.charge(), charge);
    for (const Handle handle : handles) {
      EXPECT_EQ(queue.oldest(), handle) << place;
      queue.remove(handle);
    }
  }
}

// The rules.

/// A cache of keys without values that holds `entries` of one size.
class KeyCache {
 public:
  explicit KeyCache(std::size_t entries, const Settings& settings = kExperts[kLoops])
      : entries_(entries) {
    const Handle one = pool.make(0);
    eviction = std::make_unique<Eviction>(pool.items, entries * pool.charge(one));
    pool.give_up(one);
    eviction->follow(settings);
  }

  /// Asks for the key, and puts it when it is not there. Returns whether it was.
  bool access(std::uint64_t key) {
    if (const auto at = present.find(key); at != present.end()) {
      pool.items[at->second].touch(kMaxUses);
      return true;
    }
    put(key);
    return false;
  }
  void put(std::uint64_t key) {
    const Handle handle = pool.make(key);
    const bool full = present.size() >= entries_;
    eviction->insert(handle, full);
    present[key] = handle;
    if (full) evict(pool.charge(handle));
  }
  std::uint64_t evict(std::uint64_t excess) {
    const Handle victim = eviction->evict(excess);
    const std::uint64_t key = pool.key_of(victim);
    EXPECT_EQ(present.erase(key), 1u);
    pool.give_up(victim);
    return key;
  }
  std::size_t hits(std::uint64_t begin, std::uint64_t end) {
    std::size_t hits = 0;
    for (std::uint64_t key = begin; key < end; ++key) hits += access(key);
    return hits;
  }
  std::size_t count(std::uint64_t begin, std::uint64_t end) const {
    return static_cast<std::size_t>(
        std::distance(present.lower_bound(begin), present.lower_bound(end)));
  }

  ItemPool pool;
  std::unique_ptr<Eviction> eviction;
  std::map<std::uint64_t, Handle> present;

 private:
  const std::size_t entries_;
};

TEST(Eviction, HasNothingToGiveAtFirst) {
  KeyCache cache(10);
  EXPECT_EQ(cache.eviction->evict(1), 0u);
  EXPECT_EQ(cache.eviction->size(), 0u);
}

TEST(Eviction, AddsUpWhatItHas) {
  KeyCache cache(10);
  cache.put(1);
  const std::uint64_t one = cache.eviction->charge();
  EXPECT_EQ(one, cache.pool.charge(cache.present[1]));
  cache.put(2);
  EXPECT_EQ(cache.eviction->charge(), 2 * one);
  EXPECT_EQ(cache.eviction->size(), 2u);
  cache.eviction->remove(cache.present[1]);
  EXPECT_EQ(cache.eviction->charge(), one);
  EXPECT_EQ(cache.eviction->size(), 1u);
}

TEST(Eviction, MainFillsFirst) {
  // Who came while there was room stays; of those who came later each gives way to the next.
  KeyCache cache(100);
  cache.hits(0, 500);
  EXPECT_GE(cache.count(0, 99), 97u);
  EXPECT_EQ(cache.count(499, 500), 1u);
  EXPECT_EQ(cache.present.size(), 100u);
}

TEST(Eviction, ALoopThatIsLargerThanTheCacheKeepsAPart) {
  KeyCache cache(100);
  cache.hits(0, 500);
  for (int round = 0; round < 5; ++round) EXPECT_GE(cache.hits(0, 500), 80u);
}

TEST(Eviction, WithTheRecencySettingSuchALoopKeepsNothing) {
  KeyCache cache(100, kExperts[kRecency]);
  cache.hits(0, 200);
  EXPECT_LE(cache.hits(0, 200), 2u);
}

TEST(Eviction, AScanDoesNotPushOutWhatIsInUse) {
  for (std::size_t expert = 0; expert < 3; ++expert) {
    KeyCache cache(100, kExperts[expert]);
    for (int round = 0; round < 10; ++round) cache.hits(0, 80);
    cache.hits(1000, 2000);
    EXPECT_GE(cache.count(0, 80), 75u) << expert;
  }
}

TEST(Eviction, AWorkingSetThatIsUsedReplacesOneThatIsNot) {
  KeyCache cache(100);
  for (int round = 0; round < 10; ++round) cache.hits(0, 90);
  for (int round = 0; round < 40; ++round) cache.hits(1000, 1050);
  EXPECT_GE(cache.count(1000, 1050), 40u);
}

TEST(Eviction, TheRecencySettingGivesUpWhatWasNotUsedForLongest) {
  KeyCache cache(10, kExperts[kRecency]);
  cache.hits(0, 10);
  cache.access(0);
  cache.access(3);
  cache.hits(10, 14);
  EXPECT_EQ(cache.count(0, 10), 6u);
  for (const std::uint64_t key : {0u, 3u, 6u, 7u, 8u, 9u}) {
    EXPECT_EQ(cache.present.count(key), 1u) << key;
  }
}

TEST(Eviction, WhatComesBackSoonEntersMain) {
  KeyCache cache(100);
  cache.hits(0, 150);
  // Gave way to the next ones, but is remembered.
  ASSERT_EQ(cache.present.count(120), 0u);
  cache.access(120);
  cache.hits(1000, 1050);
  EXPECT_EQ(cache.present.count(120), 1u);
}

TEST(Eviction, ASubstituteTakesPlaceAndUses) {
  KeyCache cache(100);
  for (std::uint64_t key = 0; key < 5; ++key) cache.put(key);
  const Handle before = cache.present[2];
  cache.pool.items[before].touch(kMaxUses);
  cache.pool.items[before].touch(kMaxUses);
  const Handle after = cache.pool.make(2, 80);
  cache.eviction->substitute(before, after);
  EXPECT_EQ(cache.pool.items[after].uses.load(), 2);
  EXPECT_EQ(cache.pool.items[before].queue, 0u);
  cache.present[2] = after;
  std::uint64_t charge = 0;
  for (const auto& [key, handle] : cache.present) charge += cache.pool.charge(handle);
  EXPECT_EQ(cache.eviction->charge(), charge);
  EXPECT_EQ(cache.eviction->size(), 5u);
}

TEST(Eviction, TheNewestStaysEvenIfAllOthersWereUsed) {
  for (const Settings& settings : kExperts) {
    KeyCache cache(30, settings);
    for (int round = 0; round < 4; ++round) cache.hits(0, 30);
    cache.put(100);
    EXPECT_EQ(cache.present.count(100), 1u);
    while (cache.present.size() > 1) EXPECT_NE(cache.evict(1), 100u);
    EXPECT_EQ(cache.evict(1), 100u);
  }
}

// More entries, all of which were used, than one eviction looks at.
TEST(Eviction, TheNewestStaysEvenIfManyWereUsed) {
  for (std::uint64_t others = 60; others < 70; ++others) {
    KeyCache cache(1000, kExperts[kRecency]);
    cache.hits(0, others);
    cache.hits(0, others);
    cache.put(100);
    EXPECT_NE(cache.evict(1), 100u) << others;
  }
}

// The newest is all that main has, and an entry of small is worth more.
TEST(Eviction, TheNewestStaysInADuel) {
  ItemPool pool;
  Eviction eviction(pool.items, 1'000'000);
  const Handle used = pool.make(1);
  const Handle unused = pool.make(2);
  const Handle newest = pool.make(3);
  eviction.insert(used, true);
  eviction.insert(unused, true);
  eviction.insert(newest, false);
  pool.items[used].touch(kMaxUses);
  EXPECT_NE(eviction.evict(1), newest);
}

TEST(Eviction, WhatIsProtectedStaysUntilAnotherCame) {
  KeyCache cache(1000, kExperts[kRecency]);
  for (std::uint64_t key = 0; key < 10; ++key) cache.put(key);
  cache.eviction->protect(cache.present[0]);
  EXPECT_EQ(cache.evict(1), 1u);
  EXPECT_EQ(cache.evict(1), 2u);
  cache.put(10);
  EXPECT_NE(cache.evict(1), 10u);
}

TEST(Eviction, ForgetsAllWhenCleared) {
  KeyCache cache(10);
  cache.hits(0, 30);
  cache.eviction->clear();
  EXPECT_EQ(cache.eviction->size(), 0u);
  EXPECT_EQ(cache.eviction->charge(), 0u);
  EXPECT_EQ(cache.eviction->bytes(), 0u);
  EXPECT_EQ(cache.eviction->evict(1), 0u);
}

/// Random work with items of random sizes and changing settings; `evicted(cache's pool, victim,
/// newest, left)` hears of every eviction.
template <class Evicted>
void live(std::uint64_t seed, Evicted&& evicted) {
  Rng rng(seed);
  ItemPool pool;
  Eviction eviction(pool.items, 3000);
  std::set<Handle> present;
  std::vector<Handle> order;
  Handle newest = 0;
  const auto any = [&] {
    auto at = present.lower_bound(static_cast<Handle>(rng.below(*present.rbegin() + 1)));
    return *at;
  };
  const auto evict = [&](std::uint64_t excess) {
    const Handle victim = eviction.evict(excess);
    RC_ASSERT(present.erase(victim) == 1u);
    evicted(victim, newest, present.size());
    pool.give_up(victim);
    if (victim == newest) newest = 0;
  };
  for (int step = 0; step < 300; ++step) {
    switch (rng.below(present.empty() ? 1 : 8)) {
      case 0:
      case 1:
      case 2: {
        newest = pool.make(rng.below(60), rng.below(300));
        eviction.insert(newest, rng.chance(0.6));
        present.insert(newest);
        break;
      }
      case 3:
      case 4:
        pool.items[any()].touch(kMaxUses);
        break;
      case 5:
        evict(rng.below(500));
        break;
      case 6: {
        const Handle before = any();
        const Handle after = pool.make(pool.key_of(before), rng.below(300));
        eviction.substitute(before, after);
        present.erase(before);
        present.insert(after);
        pool.give_up(before);
        if (newest == before) newest = after;
        break;
      }
      default:
        if (rng.chance(0.3)) {
          const Handle removed = any();
          eviction.remove(removed);
          present.erase(removed);
          pool.give_up(removed);
          if (newest == removed) newest = 0;
        } else if (rng.chance(0.3)) {
          eviction.follow(kExperts[rng.below(kExperts.size())]);
          eviction.set_capacity(rng.below(10'000));
        }
    }
    RC_ASSERT(eviction.size() == present.size());
  }
  std::uint64_t charge = 0;
  for (const Handle handle : present) charge += pool.charge(handle);
  RC_ASSERT(eviction.charge() == charge);
  while (!present.empty()) evict(rng.below(500));
  RC_ASSERT(eviction.evict(1) == 0u);
  RC_ASSERT(eviction.charge() == 0u);
}

RC_GTEST_PROP(Eviction, GivesUpEverythingOnce, (std::uint64_t seed)) {
  live(seed, [](Handle, Handle, std::size_t) {});
}

RC_GTEST_PROP(Eviction, NeverGivesTheNewestUpUnlessItIsAlone, (std::uint64_t seed)) {
  live(seed, [](Handle victim, Handle newest, std::size_t left) {
    RC_ASSERT((victim != newest || left == 0u));
  });
}

// Which settings suit the work.

/// An advisor and a cache that follows it.
class Advised {
 public:
  explicit Advised(std::size_t entries) : cache(entries) {
    advisor.set_entries(entries, kAmpleMemory);
  }

  void access(std::uint64_t key) {
    cache.eviction->follow(advisor.best());
    advisor.access(hash_of(key), cache.access(key));
  }
  std::size_t best() const { return static_cast<std::size_t>(&advisor.best() - kExperts.data()); }

  /// Keys that come, are used a few times within a cache's length, and never again.
  void recency_only(int accesses, std::uint64_t& next, Rng& rng) {
    for (int i = 0; i < accesses; ++i) {
      access(rng.chance(0.3) ? ++next : next - rng.below(std::min<std::uint64_t>(next, 60)));
    }
  }
  void loop(int rounds, std::uint64_t begin, std::uint64_t length) {
    for (int i = 0; i < rounds; ++i) {
      for (std::uint64_t key = begin; key < begin + length; ++key) access(key);
    }
  }

  Advisor advisor;
  KeyCache cache;
};

TEST(Advisor, BeginsWithTheFirst) {
  Advisor advisor;
  EXPECT_EQ(&advisor.best(), &kExperts[0]);
  EXPECT_EQ(advisor.bytes(), 0u);
  advisor.access(hash_of(1), false);  // Before it knows how large the cache is.
  EXPECT_EQ(&advisor.best(), &kExperts[0]);
}

TEST(Advisor, FollowsTheWork) {
  Advised advised(100);
  Rng rng(1);
  std::uint64_t next = 1000;
  advised.recency_only(6000, next, rng);
  const std::size_t for_recency = advised.best();
  // Settings with a large small queue: what is new stays for a while.
  EXPECT_GT(kExperts[for_recency].small_share, 0.2) << for_recency;
  advised.loop(60, 1'000'000, 150);
  const std::size_t for_loops = advised.best();
  EXPECT_LT(kExperts[for_loops].small_share, 0.2) << for_loops;
}

TEST(Advisor, StaysWithTheFirstInALoop) {
  Advised advised(100);
  advised.loop(60, 0, 150);
  EXPECT_LT(kExperts[advised.best()].small_share, 0.2);
}

TEST(Advisor, IsTheSameEveryTime) {
  std::vector<std::size_t> choices[2];
  for (auto& chosen : choices) {
    Advised advised(64);
    Rng rng(5);
    for (int i = 0; i < 5000; ++i) {
      advised.access(rng.chance(0.5) ? rng.below(80) : rng.below(2000));
      chosen.push_back(advised.best());
    }
  }
  EXPECT_EQ(choices[0], choices[1]);
}

std::size_t count_sampled(const Advisor& advisor, std::uint64_t keys) {
  std::size_t sampled = 0;
  for (std::uint64_t key = 0; key < keys; ++key) sampled += advisor.sampled(hash_of(key));
  return sampled;
}

TEST(Advisor, HearsOfEverythingWhenTheCacheIsSmall) {
  Advisor advisor;
  EXPECT_EQ(count_sampled(advisor, 10'000), 10'000u);
  advisor.set_entries(512, kAmpleMemory);
  EXPECT_EQ(count_sampled(advisor, 10'000), 10'000u);
}

TEST(Advisor, HearsOfOneKeyInManyOfALargeCache) {
  Advisor advisor;
  advisor.set_entries(1024 * 16, kAmpleMemory);
  const std::size_t sampled = count_sampled(advisor, 160'000);
  EXPECT_GT(sampled, 9'500u);
  EXPECT_LT(sampled, 10'500u);
}

TEST(Advisor, HearsOfTheSameKeysAgain) {
  Advisor advisor;
  advisor.set_entries(100'000, kAmpleMemory);
  std::set<std::uint64_t> sampled;
  for (std::uint64_t key = 0; key < 10'000; ++key) {
    if (advisor.sampled(hash_of(key))) sampled.insert(key);
  }
  advisor.access(hash_of(1), true);
  for (std::uint64_t key = 0; key < 10'000; ++key) {
    EXPECT_EQ(advisor.sampled(hash_of(key)), sampled.count(key) == 1);
  }
}

TEST(Advisor, ChangesItsSampleWhenTheCacheIsAnother) {
  Advisor advisor;
  advisor.set_entries(1024 * 16, kAmpleMemory);
  const std::size_t before = count_sampled(advisor, 50'000);
  advisor.set_entries(1024 * 16 + 100, kAmpleMemory);
  EXPECT_EQ(count_sampled(advisor, 50'000), before);
  advisor.set_entries(1024 * 64, kAmpleMemory);
  EXPECT_LT(count_sampled(advisor, 50'000), before / 3);
  advisor.set_entries(0, kAmpleMemory);
  EXPECT_LT(count_sampled(advisor, 50'000), before / 3);
}

TEST(Advisor, ItsMemoryIsBounded) {
  Advisor advisor;
  advisor.set_entries(1u << 24, kAmpleMemory);
  EXPECT_GT(advisor.bytes(), 0u);
  EXPECT_LT(advisor.bytes(), 256u << 10);
}

}  // namespace
}  // namespace kith::store
