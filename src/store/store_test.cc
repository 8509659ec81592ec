// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace kith::store {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1u << 20;

TimePoint at(Duration since_start) { return TimePoint(since_start); }

Entry entry_of(std::string bytes) {
  Entry entry;
  entry.value = Value::copy_of(bytes);
  return entry;
}

Entry entry_until(TimePoint expires, TimePoint stale_until) {
  Entry entry = entry_of("value");
  entry.expires = expires;
  entry.stale_until = stale_until;
  return entry;
}

Entry mirror_of(std::string bytes) {
  Entry entry = entry_of(std::move(bytes));
  entry.holding = Holding::mirror;
  return entry;
}

std::string name_of(std::uint64_t number) { return "key-" + std::to_string(number); }

/// A store whose calls take strings and, unless told, happen at the start of time.
class Subject {
 public:
  explicit Subject(StoreOptions options = {}) : store(options) {}

  bool put(std::string_view key, Entry entry, TimePoint now = {}) {
    return store.put(KeyView::of(key), std::move(entry), now);
  }
  std::optional<Entry> get(std::string_view key, TimePoint now = {}) {
    return store.get(KeyView::of(key), now);
  }
  std::optional<Entry> get_stale(std::string_view key, TimePoint now = {}) {
    return store.get_stale(KeyView::of(key), now);
  }
  bool contains(std::string_view key, TimePoint now = {}) {
    return store.contains(KeyView::of(key), now);
  }
  bool erase(std::string_view key) { return store.erase(KeyView::of(key)); }

  Store store;
};

TEST(Store, ReturnsAllOfWhatWasPut) {
  Subject subject;
  Entry entry = entry_of("value");
  entry.holding = Holding::guest;
  entry.version = {3, 7};
  entry.expires = at(5s);
  entry.stale_until = at(9s);
  entry.load_cost = 12ms;
  entry.tags = std::make_shared<const std::vector<std::string>>(1, "tag");
  ASSERT_TRUE(subject.put("key", entry));

  const std::optional<Entry> got = subject.get("key");

  ASSERT_TRUE(got);
  EXPECT_EQ(got->value.view(), "value");
  EXPECT_FALSE(got->negative);
  EXPECT_EQ(got->holding, Holding::guest);
  EXPECT_EQ(got->version, (Version{3, 7}));
  EXPECT_EQ(got->expires, at(5s));
  EXPECT_EQ(got->stale_until, at(9s));
  EXPECT_EQ(got->load_cost, 12ms);
  EXPECT_EQ(got->tags, entry.tags);
}

TEST(Store, ServesOwnedEntriesOnlyInTheTenureTheyWereLoadedIn) {
  const KeyView key = KeyView::of("key");
  const auto all = [](SlotIndex) { return true; };
  const auto none = [](SlotIndex) { return false; };
  Tenure tenure;
  tenure.change(5, all);
  StoreOptions options;
  options.tenure = &tenure;
  Store store(options);
  Entry entry = entry_of("value");
  entry.version.epoch = tenure.of(key.slot());
  store.put(key, entry, at(0s));
  ASSERT_TRUE(store.get(key, at(0s)));

  tenure.change(6, none);
  EXPECT_FALSE(store.contains(key, at(0s)));
  EXPECT_FALSE(store.get_stale(key, at(0s)));
  tenure.change(7, all);
  EXPECT_FALSE(store.contains(key, at(0s)));
  EXPECT_FALSE(store.get(key, at(0s)));
  EXPECT_EQ(store.stats().entries, 0u);
}

TEST(Store, ServesGuestsAndMirrorsInAnyTenure) {
  Tenure tenure;
  StoreOptions options;
  options.tenure = &tenure;
  Store store(options);
  for (const Holding holding : {Holding::guest, Holding::mirror}) {
    Entry entry = entry_of("value");
    entry.holding = holding;
    store.put(KeyView::of("key"), entry, at(0s));
    EXPECT_TRUE(store.get(KeyView::of("key"), at(0s)));
  }
}

TEST(Store, GetsManyAsItGetsEach) {
  StoreOptions options;
  options.shards = 4;
  Store store(options);
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("key" + std::to_string(i));
  std::vector<KeyView> keys;
  for (const std::string& name : names) keys.push_back(KeyView::of(name));
  for (std::size_t i = 0; i < keys.size(); i += 2) {
    Entry entry = entry_of(names[i]);
    if (i % 3 == 0) entry.expires = at(5s);
    store.put(keys[i], entry, at(0s));
  }
  keys.push_back(keys[0]);  // The same one twice.
  std::vector<std::optional<Entry>> entries(keys.size(), entry_of("not asked for"));

  store.get_many(keys, at(6s), entries);

  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::optional<Entry> one = store.get(keys[i], at(6s));
    ASSERT_EQ(entries[i].has_value(), one.has_value()) << i;
    if (one) {
      EXPECT_EQ(entries[i]->value, one->value) << i;
    }
  }
}

TEST(Store, GetsManyKeysOfOneHashApart) {
  Subject subject;
  subject.store.put({"one", 42}, entry_of("1"), at(0s));
  subject.store.put({"two", 42}, entry_of("2"), at(0s));
  const std::vector<KeyView> keys = {{"two", 42}, {"none", 42}, {"one", 42}};
  std::vector<std::optional<Entry>> entries(3);
  subject.store.get_many(keys, at(0s), entries);
  EXPECT_EQ(entries[0]->value.view(), "2");
  EXPECT_FALSE(entries[1]);
  EXPECT_EQ(entries[2]->value.view(), "1");
}

TEST(Store, HasNothingAtFirst) {
  Subject subject;
  EXPECT_FALSE(subject.get("key"));
  EXPECT_FALSE(subject.get_stale("key"));
  EXPECT_FALSE(subject.contains("key"));
  EXPECT_FALSE(subject.erase("key"));
  EXPECT_EQ(subject.store.stats().bytes, 0u);
}

TEST(Store, TellsKeysOfOneHashApart) {
  Subject subject;
  subject.store.put({"one", 42}, entry_of("1"), at(0s));
  subject.store.put({"two", 42}, entry_of("2"), at(0s));
  EXPECT_EQ(subject.store.get({"one", 42}, at(0s))->value.view(), "1");
  EXPECT_EQ(subject.store.get({"two", 42}, at(0s))->value.view(), "2");
}

TEST(Store, ReturnsNegativeEntriesAsSuch) {
  Subject subject;
  Entry entry;
  entry.negative = true;
  subject.put("key", entry);
  ASSERT_TRUE(subject.get("key"));
  EXPECT_TRUE(subject.get("key")->negative);
}

TEST(Store, KeepsEmptyValuesApartFromMisses) {
  Subject subject;
  subject.put("key", entry_of(""));
  ASSERT_TRUE(subject.get("key"));
  EXPECT_TRUE(subject.get("key")->value.empty());
}

TEST(Store, ReplacesTheWholeEntry) {
  Subject subject;
  Entry first = entry_of("first");
  first.tags = std::make_shared<const std::vector<std::string>>(1, "tag");
  subject.put("key", first);
  subject.put("key", entry_of("second"));
  EXPECT_EQ(subject.get("key")->value.view(), "second");
  EXPECT_EQ(subject.get("key")->tags, nullptr);
  EXPECT_EQ(subject.store.stats().entries, 1u);
}

TEST(Store, EraseRemovesTheKeyOnly) {
  Subject subject;
  subject.put("one", entry_of("1"));
  subject.put("two", entry_of("2"));
  EXPECT_TRUE(subject.erase("one"));
  EXPECT_FALSE(subject.contains("one"));
  EXPECT_TRUE(subject.contains("two"));
}

TEST(Store, ClearRemovesEverything) {
  Subject subject({.shards = 4});
  for (std::uint64_t i = 0; i < 100; ++i) subject.put(name_of(i), entry_of("value"));
  subject.store.clear();
  EXPECT_EQ(subject.store.stats().entries, 0u);
  EXPECT_EQ(subject.store.stats().bytes, 0u);
  EXPECT_FALSE(subject.contains(name_of(5)));
  EXPECT_TRUE(subject.put(name_of(5), entry_of("value")));
  EXPECT_TRUE(subject.contains(name_of(5)));
}

// Time

TEST(Store, AnEntryIsFreshUntilItExpiresAndNoLonger) {
  Subject subject;
  subject.put("key", entry_until(at(10s), at(20s)));
  EXPECT_TRUE(subject.get("key", at(10s) - 1ns));
  EXPECT_TRUE(subject.contains("key", at(10s) - 1ns));
  EXPECT_FALSE(subject.get("key", at(10s)));
  EXPECT_FALSE(subject.contains("key", at(10s)));
}

TEST(Store, AnExpiredEntryCanBeReadAsStaleUntilItsEnd) {
  Subject subject;
  subject.put("key", entry_until(at(10s), at(20s)));
  EXPECT_TRUE(subject.get_stale("key", at(5s)));
  EXPECT_TRUE(subject.get_stale("key", at(20s) - 1ns));
  EXPECT_FALSE(subject.get_stale("key", at(20s)));
}

TEST(Store, AReadOfAnExpiredEntryKeepsItForStaleReads) {
  Subject subject;
  subject.put("key", entry_until(at(10s), at(20s)));
  EXPECT_FALSE(subject.get("key", at(15s)));
  EXPECT_TRUE(subject.get_stale("key", at(15s)));
  EXPECT_EQ(subject.store.stats().expirations, 0u);
}

TEST(Store, AnEntryThatMayBeStaleForEverExpiresAllTheSame) {
  Subject subject;
  Entry entry = entry_of("value");
  entry.expires = at(10s);
  subject.put("key", entry);
  EXPECT_TRUE(subject.get("key", at(10s) - 1ns));
  EXPECT_FALSE(subject.get("key", at(10s)));
  EXPECT_TRUE(subject.get_stale("key", at(1000s)));
}

TEST(Store, AReadOfADeadEntryDropsIt) {
  Subject subject;
  subject.put("key", entry_until(at(10s), at(20s)));
  EXPECT_FALSE(subject.get("key", at(20s)));
  EXPECT_EQ(subject.store.stats().entries, 0u);
  EXPECT_EQ(subject.store.stats().bytes, 0u);
  EXPECT_EQ(subject.store.stats().expirations, 1u);
}

TEST(Store, StaleUntilIsNeverBeforeExpires) {
  Subject subject;
  subject.put("key", entry_until(at(10s), at(2s)));
  EXPECT_TRUE(subject.get_stale("key", at(10s) - 1ns));
  EXPECT_FALSE(subject.get_stale("key", at(10s)));
}

TEST(Store, PutOfADeadEntryLeavesNothing) {
  Subject subject;
  subject.put("key", entry_of("older"));
  EXPECT_TRUE(subject.put("key", entry_until(at(1s), at(2s)), at(2s)));
  EXPECT_FALSE(subject.get_stale("key", at(2s)));
  EXPECT_EQ(subject.store.stats().entries, 0u);
}

TEST(Store, PutsSweepAwayDeadEntriesThatNobodyReads) {
  Subject subject({.shards = 1});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    subject.put(name_of(i), entry_until(at(10s), at(20s)));
  }
  for (std::uint64_t i = 0; i < 200; ++i) {
    subject.put(name_of(5000 + i), entry_of("value"), at(30s));
  }
  EXPECT_EQ(subject.store.stats().expirations, 1000u);
  EXPECT_EQ(subject.store.stats().entries, 200u);
}

TEST(Store, TheSweepSparesWhatIsAlive) {
  Subject subject({.shards = 1});
  for (std::uint64_t i = 0; i < 300; ++i) {
    const bool dies = i % 3 == 0;
    subject.put(name_of(i), entry_until(at(dies ? 10s : 100s), at(dies ? 20s : 200s)));
  }
  for (std::uint64_t i = 0; i < 300; ++i) subject.put("again", entry_of("value"), at(150s));
  for (std::uint64_t i = 0; i < 300; ++i) {
    EXPECT_EQ(subject.get_stale(name_of(i), at(15s)).has_value(), i % 3 != 0) << i;
  }
}

// Memory

TEST(Store, CountsAValueAndAFixedOverhead) {
  Subject subject({.shards = 1});
  subject.put("0123456789abcdef", entry_of(std::string(1000, 'x')));
  const std::uint64_t bytes = subject.store.stats().bytes;
  EXPECT_GE(bytes, 1016u);
  EXPECT_LE(bytes, 1016u + 512u);
}

TEST(Store, ReplaceChangesTheBytesByTheDifference) {
  Subject subject;
  subject.put("key", entry_of(std::string(100'000, 'x')));
  const std::uint64_t before = subject.store.stats().bytes;
  subject.put("key", entry_of(std::string(300'000, 'x')));
  EXPECT_EQ(subject.store.stats().bytes, before + 200'000);
  subject.put("key", entry_of(std::string(100'000, 'x')));
  EXPECT_EQ(subject.store.stats().bytes, before);
}

TEST(Store, EraseGivesAllBytesBack) {
  Subject subject;
  Entry entry = entry_of(std::string(1000, 'x'));
  entry.tags = std::make_shared<const std::vector<std::string>>(3, std::string(100, 't'));
  subject.put("key", entry);
  EXPECT_GT(subject.store.stats().bytes, 1300u);
  subject.erase("key");
  EXPECT_EQ(subject.store.stats().bytes, 0u);
}

TEST(Store, NeverExceedsItsBudgetWithMixedSizes) {
  const std::uint64_t budget = 2 * kMiB;
  Subject subject({.budget_bytes = budget, .shards = 1});
  Rng rng(1);
  for (int i = 0; i < 5000; ++i) {
    const std::size_t size = rng.below(rng.chance(0.02) ? 500'000 : 5'000);
    ASSERT_TRUE(subject.put(name_of(rng.below(2000)), entry_of(std::string(size, 'x'))));
    ASSERT_LE(subject.store.stats().bytes, budget);
  }
  EXPECT_GT(subject.store.stats().evictions, 0u);
  EXPECT_GT(subject.store.stats().bytes, budget / 2);
}

TEST(Store, WhatWasJustPutIsThere) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::size_t size = i % 2 == 0 ? 100 : 900'000;
    ASSERT_TRUE(subject.put(name_of(i), entry_of(std::string(size, 'x'))));
    ASSERT_TRUE(subject.contains(name_of(i))) << i;
  }
}

TEST(Store, AReplacementThatGrowsIsThere) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  for (std::uint64_t i = 0; i < 100; ++i) subject.put(name_of(i), entry_of(std::string(9000, 'x')));
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(subject.put(name_of(i), entry_of(std::string(900'000, 'y'))));
    ASSERT_EQ(subject.get(name_of(i))->value.size(), 900'000u);
    ASSERT_LE(subject.store.stats().bytes, kMiB);
  }
}

TEST(Store, TakesAnEightMebibyteValueAtSixtyFour) {
  Subject subject({.budget_bytes = 64 * kMiB});
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(subject.put(name_of(i), entry_of(std::string(8 * kMiB, 'x'))));
    ASSERT_EQ(subject.get(name_of(i))->value.size(), 8 * kMiB);
  }
  EXPECT_LE(subject.store.stats().bytes, 64 * kMiB);
}

class SmallStore : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void fill(Subject& subject, std::size_t size) {
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      ASSERT_TRUE(subject.put(name_of(i), entry_of(std::string(size, 'v'))));
    }
  }
};

TEST_P(SmallStore, IsAsFullOfEntriesOfAnotherSize) {
  const std::uint64_t budget = GetParam();
  Subject subject({.budget_bytes = budget, .shards = 1});
  for (const std::size_t size : {60u, 90u, 30u}) {
    fill(subject, size);
    EXPECT_GT(subject.store.stats().bytes, budget * 7 / 10) << size;
    EXPECT_LE(subject.store.stats().memory_bytes, budget) << size;
  }
}

TEST_P(SmallStore, KeepsEntriesWhenTheBudgetIsHalved) {
  const std::uint64_t budget = GetParam();
  Subject subject({.budget_bytes = budget, .shards = 1});
  fill(subject, 60);
  subject.store.set_budget(budget / 2);
  for (int i = 0; i < 100; ++i) subject.store.maintain({});
  EXPECT_LE(subject.store.stats().memory_bytes, budget / 2);
  // The smallest store has half of what is left for itself.
  EXPECT_GT(subject.store.stats().bytes, budget / 2 / 8);
}

INSTANTIATE_TEST_SUITE_P(Budgets, SmallStore, ::testing::Values(64u << 10, 256u << 10, kMiB));

TEST(Store, JudgesLargeNewcomersLikeSmallOnes) {
  // A loop over a little more than fits: whoever lets all in that come has no hits.
  constexpr std::uint64_t kFit = 56;
  constexpr std::uint64_t kLoop = 70;
  Subject subject({.budget_bytes = kFit * (64 << 10) + (512 << 10), .shards = 1});
  const Entry entry = entry_of(std::string(64 << 10, 'v'));
  std::uint64_t hits = 0;
  constexpr std::uint64_t kRounds = 200;
  for (std::uint64_t i = 0; i < kRounds * kLoop; ++i) {
    const std::string key = name_of(i % kLoop);
    if (subject.get(key)) {
      ++hits;
    } else {
      ASSERT_TRUE(subject.put(key, entry));
    }
  }
  EXPECT_GT(hits, kRounds * kLoop / 2);
}

TEST(Store, LosesLittleAtATimeWhenTheBudgetWasLoweredByMuch) {
  constexpr std::uint64_t kBudget = 16 * kMiB;
  Subject subject({.budget_bytes = kBudget, .shards = 1});
  const auto put = [&](std::uint64_t i) {
    ASSERT_TRUE(subject.put(name_of(i), entry_of(std::string(100, 'v'))));
  };
  for (std::uint64_t i = 0; i < 150'000; ++i) put(i);
  subject.store.set_budget(kMiB);
  std::uint64_t evicted = subject.store.stats().evictions;
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    put(i);
    const std::uint64_t now = subject.store.stats().evictions;
    most = std::max(most, now - evicted);
    evicted = now;
  }
  EXPECT_LE(most, 1'000u) << "nobody has to wait for all of it";
  EXPECT_LE(subject.store.stats().memory_bytes, kMiB) << "and it comes to an end";
}

TEST(Store, TakesAValueOfNearlyItsWholeBudgetWhenSmall) {
  Subject subject({.budget_bytes = kMiB});
  EXPECT_TRUE(subject.put("key", entry_of(std::string(kMiB - (32 << 10), 'x'))));
}

TEST(Store, RefusesWhatIsLargerThanItCanHoldAndDropsTheOlder) {
  Subject subject({.budget_bytes = kMiB});
  subject.put("key", entry_of("small"));
  subject.put("other", entry_of("small"));
  EXPECT_FALSE(subject.put("key", entry_of(std::string(kMiB, 'x'))));
  EXPECT_FALSE(subject.contains("key"));
  EXPECT_TRUE(subject.contains("other"));
  EXPECT_EQ(subject.store.stats().rejected, 1u);
}

TEST(Store, AReadValueOutlivesItsEntry) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  subject.put("key", entry_of(std::string(1000, 'k')));
  const Value held = subject.get("key")->value;
  for (std::uint64_t i = 0; i < 2000; ++i)
    subject.put(name_of(i), entry_of(std::string(1000, 'x')));
  subject.erase("key");
  subject.store.clear();
  EXPECT_EQ(held.view(), std::string(1000, 'k'));
}

TEST(Store, SharesTheMemoryOfALargeValue) {
  Subject subject;
  Entry entry = entry_of(std::string(100'000, 'x'));
  const std::byte* memory = entry.value.data();
  subject.put("key", std::move(entry));
  EXPECT_EQ(subject.get("key")->value.data(), memory);
}

TEST(Store, CopiesASmallSliceOfALargeBuffer) {
  Subject subject;
  Entry entry;
  entry.value = Value::copy_of(std::string(100'000, 'x') + "tail").slice(100'000, 4);
  subject.put("key", std::move(entry));
  EXPECT_EQ(subject.get("key")->value.view(), "tail");
  EXPECT_LT(subject.get("key")->value.retained_bytes(), 100u);
  EXPECT_LT(subject.store.stats().bytes, 1000u);
}

TEST(Store, SharesASliceThatIsMostOfItsBuffer) {
  Subject subject;
  Entry entry;
  entry.value = Value::copy_of(std::string(100'000, 'x')).slice(30'000, 70'000);
  const std::byte* memory = entry.value.data();
  subject.put("key", std::move(entry));
  EXPECT_EQ(subject.get("key")->value.data(), memory);
}

// Popularity

TEST(Store, KeepsPopularKeysThroughAScan) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  const std::string bytes(1000, 'x');
  for (std::uint64_t i = 0; i < 300; ++i) subject.put(name_of(i), entry_of(bytes));
  for (std::uint64_t i = 0; i < 300; ++i) subject.get(name_of(i));
  for (std::uint64_t i = 10'000; i < 20'000; ++i) subject.put(name_of(i), entry_of(bytes));
  int kept = 0;
  for (std::uint64_t i = 0; i < 300; ++i) kept += subject.contains(name_of(i)) ? 1 : 0;
  EXPECT_GE(kept, 290);
}

TEST(Store, AReplacedEntryStaysPopular) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  const std::string bytes(1000, 'x');
  subject.put("popular", entry_of(bytes));
  for (int i = 0; i < 3; ++i) subject.get("popular");
  subject.put("popular", entry_of(bytes));
  for (std::uint64_t i = 0; i < 5000; ++i) subject.put(name_of(i), entry_of(bytes));
  EXPECT_TRUE(subject.contains("popular"));
}

TEST(Store, ContainsAndStaleReadsAreNoUses) {
  Subject subject({.budget_bytes = kMiB, .shards = 1});
  const std::string bytes(1000, 'x');
  subject.put("looked-at", entry_of(bytes));
  for (int i = 0; i < 3; ++i) {
    subject.contains("looked-at");
    subject.get_stale("looked-at");
  }
  for (std::uint64_t i = 0; i < 5000; ++i) subject.put(name_of(i), entry_of(bytes));
  EXPECT_FALSE(subject.contains("looked-at"));
}

// Mirrors

TEST(Store, MirrorsTakeTheirShareAtMost) {
  Subject subject({.budget_bytes = 4 * kMiB, .mirror_share = 0.25, .shards = 1});
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(subject.put(name_of(i), mirror_of(std::string(1000, 'x'))));
    ASSERT_LE(subject.store.stats().mirror_bytes, kMiB);
  }
  EXPECT_GT(subject.store.stats().mirror_bytes, kMiB * 9 / 10);
}

TEST(Store, MirrorsOverTheirSharePushOutNoOwnedEntry) {
  Subject subject({.budget_bytes = 4 * kMiB, .mirror_share = 0.25, .shards = 1});
  for (std::uint64_t i = 0; i < 1000; ++i)
    subject.put(name_of(i), entry_of(std::string(1000, 'x')));
  for (std::uint64_t i = 0; i < 5000; ++i) {
    subject.put("mirror" + name_of(i), mirror_of(std::string(1000, 'x')));
  }
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(subject.contains(name_of(i))) << i;
}

TEST(Store, AMirrorThatBecomesOwnedLeavesTheMirrorsShare) {
  Subject subject;
  subject.put("key", mirror_of("value"));
  EXPECT_GT(subject.store.stats().mirror_bytes, 0u);
  subject.put("key", entry_of("value"));
  EXPECT_EQ(subject.store.stats().mirror_bytes, 0u);
  EXPECT_GT(subject.store.stats().bytes, 0u);
}

TEST(Store, WithoutAMirrorShareMirrorsAreRefused) {
  Subject subject({.mirror_share = 0});
  EXPECT_FALSE(subject.put("key", mirror_of("value")));
  EXPECT_EQ(subject.store.stats().rejected, 1u);
}

TEST(Store, AStoreFullOfMirrorsHasRoomForOwnedEntries) {
  Subject subject({.budget_bytes = kMiB, .mirror_share = 1, .shards = 1});
  for (std::uint64_t i = 0; i < 2000; ++i)
    subject.put(name_of(i), mirror_of(std::string(1000, 'x')));
  EXPECT_TRUE(subject.put("owned", entry_of(std::string(500'000, 'x'))));
  EXPECT_TRUE(subject.contains("owned"));
}

// Against a model

/// What the store should be, without a bound on memory.
struct Model {
  std::map<std::string, Entry> entries;

  const Entry* find(const std::string& key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
  }
};

struct Step {
  enum class Kind : std::uint8_t { put, get, get_stale, contains, erase };
  Kind kind;
  std::uint64_t key;
  std::size_t size;
  bool mirror;
  std::int64_t ttl;
  std::int64_t grace;
  /// Time that passes before the step.
  std::int64_t pause;
};

rc::Gen<Step> any_step(std::uint64_t keys, std::size_t max_size) {
  using Kind = Step::Kind;
  return rc::gen::map(
      rc::gen::tuple(rc::gen::weightedElement<Kind>({{5, Kind::put},
                                                     {5, Kind::get},
                                                     {2, Kind::get_stale},
                                                     {1, Kind::contains},
                                                     {1, Kind::erase}}),
                     rc::gen::inRange<std::uint64_t>(0, keys),
                     rc::gen::inRange<std::size_t>(0, max_size), rc::gen::arbitrary<bool>(),
                     rc::gen::inRange<std::int64_t>(1, 30), rc::gen::inRange<std::int64_t>(0, 30),
                     rc::gen::inRange<std::int64_t>(0, 4)),
      [](const std::tuple<Kind, std::uint64_t, std::size_t, bool, std::int64_t, std::int64_t,
                          std::int64_t>& parts) {
        const auto& [kind, key, size, mirror, ttl, grace, pause] = parts;
        return Step{kind, key, size, mirror, ttl, grace, pause};
      });
}

[[maybe_unused]] void showValue(const Step& step, std::ostream& out) {  // RapidCheck's name.
  constexpr const char* kNames[] = {"put", "get", "get_stale", "contains", "erase"};
  out << "after " << step.pause << ": " << kNames[static_cast<int>(step.kind)] << " " << step.key
      << " (" << step.size << " B, " << (step.mirror ? "mirror, " : "") << "ttl " << step.ttl
      << " + " << step.grace << ")";
}

/// Runs the steps on both. `exact`: the store may not have forgotten anything that is alive.
void compare_with_model(const std::vector<Step>& steps, const StoreOptions& options, bool exact) {
  Store store(options);
  Model model;
  TimePoint now = at(0ns);
  std::uint64_t sequence = 0;
  // `got` may be missing only when the bound is what took it.
  const auto agree = [&](const std::optional<Entry>& got, const Entry* expected) {
    if (got) {
      RC_ASSERT(expected != nullptr);
      RC_ASSERT(got->version == expected->version);
      RC_ASSERT(got->value == expected->value);
    } else if (exact) {
      RC_ASSERT(expected == nullptr);
    }
  };
  for (const Step& step : steps) {
    now += Duration(step.pause);
    const std::string name = name_of(step.key);
    const KeyView key = KeyView::of(name);
    const Entry* known = model.find(name);
    const bool fresh = known != nullptr && now < known->expires;
    const bool alive = known != nullptr && now < known->stale_until;
    switch (step.kind) {
      case Step::Kind::put: {
        Entry entry = entry_of(std::string(step.size, static_cast<char>('a' + sequence % 26)));
        entry.holding = step.mirror ? Holding::mirror : Holding::owned;
        entry.version.sequence = ++sequence;
        entry.expires = now + Duration(step.ttl);
        entry.stale_until = entry.expires + Duration(step.grace);
        const bool stored = store.put(key, entry, now);
        if (exact) RC_ASSERT(stored);
        if (stored) {
          RC_ASSERT(store.contains(key, now));
          model.entries.insert_or_assign(name, std::move(entry));
        } else {
          model.entries.erase(name);
        }
        break;
      }
      case Step::Kind::get:
        agree(store.get(key, now), fresh ? known : nullptr);
        break;
      case Step::Kind::get_stale:
        agree(store.get_stale(key, now), alive ? known : nullptr);
        break;
      case Step::Kind::contains: {
        const bool there = store.contains(key, now);
        RC_ASSERT(!there || fresh);
        if (exact) RC_ASSERT(there == fresh);
        break;
      }
      case Step::Kind::erase: {
        const bool erased = store.erase(key);
        RC_ASSERT(!erased || known != nullptr);
        if (exact && alive) RC_ASSERT(erased);
        model.entries.erase(name);
        break;
      }
    }
    const StoreStats stats = store.stats();
    RC_ASSERT(stats.bytes <= options.budget_bytes);
    RC_ASSERT(stats.entries <= model.entries.size());
    RC_ASSERT(stats.mirror_bytes <= stats.bytes);
    RC_ASSERT((stats.bytes == 0) == (stats.entries == 0));
  }
  store.clear();
  RC_ASSERT(store.stats().bytes == 0u);
}

RC_GTEST_PROP(StoreModel, EqualsAMapWhenThereIsRoomForAll, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step(20, 300));
  compare_with_model(steps, {.budget_bytes = 4 * kMiB, .mirror_share = 0.5, .shards = 2}, true);
}

RC_GTEST_PROP(StoreModel, IsPartOfAMapWhenMemoryIsShort, ()) {
  const auto steps =
      *rc::gen::resize(300, rc::gen::container<std::vector<Step>>(any_step(40, 3000)));
  compare_with_model(steps, {.budget_bytes = 16 << 10, .mirror_share = 0.25, .shards = 1}, false);
}

// Threads

TEST(Store, ReadersAndWritersOfTheSameKeysSeeWholeEntries) {
  Store store({.budget_bytes = kMiB, .shards = 2});
  std::atomic<int> torn = 0;
  const auto work = [&](std::uint64_t seed) {
    Rng rng(seed);
    for (int i = 0; i < 4000; ++i) {
      const std::string name = name_of(rng.below(400));
      const KeyView key = KeyView::of(name);
      const TimePoint now = at(Duration(i));
      if (rng.chance(0.4)) {
        // The bytes are all the same letter, as many as the version says.
        Entry entry;
        entry.version.sequence = 1 + rng.below(8000);
        entry.value = Value::copy_of(std::string(
            entry.version.sequence, static_cast<char>('a' + entry.version.sequence % 26)));
        entry.holding = rng.chance(0.3) ? Holding::mirror : Holding::owned;
        entry.expires = now + Duration(static_cast<std::int64_t>(rng.below(1000)));
        entry.stale_until = entry.expires;
        store.put(key, std::move(entry), now);
      } else if (rng.chance(0.01)) {
        store.clear();
      } else if (rng.chance(0.1)) {
        store.erase(key);
      } else if (const std::optional<Entry> got = store.get(key, now)) {
        const auto letter = static_cast<char>('a' + got->version.sequence % 26);
        const std::string_view bytes = got->value.view();
        if (bytes.size() != got->version.sequence || bytes.front() != letter ||
            bytes.back() != letter) {
          ++torn;
        }
      }
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  threads.clear();
  EXPECT_EQ(torn, 0);
  EXPECT_LE(store.stats().bytes, kMiB);
}

}  // namespace
}  // namespace kith::store
