// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/value.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/key.h"
#include "base/rng.h"
#include "base/slab.h"
#include "base/snapshot.h"
#include "base/tenure.h"

namespace kith {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Hashes: nodes of all releases must compute the same ones, so these numbers never change.

TEST(Hash, PlacesKeysByPinnedNumbers) {
  EXPECT_EQ(placement_hash(""), 0x3927f15b52c1926au);
  EXPECT_EQ(placement_hash("hello"), 0x15b216b526ef057fu);
  EXPECT_EQ(placement_hash("0123456789abcdef"), 0x29101a21c945e459u);
}

TEST(Hash, PlacesAllByteValuesByPinnedNumbers) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(placement_hash(bytes), 0xad47b0167d4f5b8du);
}

TEST(Hash, IsXxh3) {
  // Published with the seed 0.
  EXPECT_EQ(hash_with_seed("", 0), 0x2d06800538d394c2u);
  EXPECT_EQ(hash_with_seed("hello", 0), 0x9555e8555c62dcfdu);
  EXPECT_EQ(hash_with_seed("hello", kPlacementSeed), placement_hash("hello"));
}

TEST(Hash, TheSlotIsTheTopSixteenBits) {
  EXPECT_EQ(slot_of(0xabcd'0000'0000'0000), SlotIndex{0xabcd});
  EXPECT_EQ(slot_of(0x0000'ffff'ffff'ffff), SlotIndex{0});
}

TEST(Hash, Mix64IsPinned) {
  EXPECT_EQ(mix64(0), 0u);
  EXPECT_EQ(mix64(1), 0x5692161d100b05e5u);
  EXPECT_EQ(mix64(~std::uint64_t{0}), 0xb4d055fcf2cbbd7bu);
}

TEST(Key, LooksUpOwnedKeysByBorrowedOnes) {
  absl::flat_hash_set<Key, KeyHash, KeyEqual> keys;
  keys.insert(Key::copy_of(KeyView::of("one")));
  EXPECT_TRUE(keys.contains(KeyView::of("one")));
  EXPECT_FALSE(keys.contains(KeyView::of("two")));
}

TEST(Key, KeysOfOneHashDifferByTheirBytes) {
  EXPECT_FALSE((KeyView{"one", 7} == KeyView{"two", 7}));
  EXPECT_TRUE((KeyView{"one", 7} == KeyView{"one", 7}));
}

TEST(StrongId, ComparesAsItsNumber) {
  EXPECT_EQ(NodeId{3}, NodeId{3});
  EXPECT_LT(NodeId{3}, NodeId{4});
}

TEST(StrongId, KindsDoNotMix) {
  static_assert(!std::is_convertible_v<NodeId, CacheId>);
  static_assert(!std::is_convertible_v<std::uint64_t, NodeId>);
  static_assert(!std::is_constructible_v<NodeId, CacheId>);
}

TEST(StrongId, IsHashed) {
  const absl::flat_hash_set<NodeId> ids = {NodeId{1}, NodeId{2}, NodeId{1}};
  EXPECT_EQ(ids.size(), 2u);
}

TEST(CheckDeathTest, SaysWhichConditionFailed) {
  EXPECT_DEATH(KITH_CHECK(1 + 1 == 3), "1 \\+ 1 == 3");
}

// Rng

TEST(Rng, GivesTheSequenceOfSplitmix64) {
  Rng rng(0);  // The published outputs for the seed 0.
  EXPECT_EQ(rng.next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(rng.next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(rng.next(), 0x06c45d188009454fu);
}

TEST(Rng, BelowStaysBelowAndReachesBothEnds) {
  Rng rng(7);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.below(10));
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(*seen.rbegin(), 9u);
}

TEST(Rng, BetweenIncludesBothEnds) {
  Rng rng(7);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.between(-2, 2));
  EXPECT_THAT(seen, ElementsAre(-2, -1, 0, 1, 2));
}

TEST(Rng, UnitIsInTheHalfOpenUnitIntervalAndCentred) {
  Rng rng(7);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double x = rng.unit();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(Rng, ChanceKnowsNeverAndAlways) {
  Rng rng(7);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(rng.chance(0));
    EXPECT_TRUE(rng.chance(1));
  }
}

TEST(Rng, ShuffleIsAPermutationAndTheSameForOneSeed) {
  std::array<int, 8> first = {0, 1, 2, 3, 4, 5, 6, 7};
  std::array<int, 8> second = first;
  const std::array<int, 8> sorted = first;
  Rng(5).shuffle(std::span<int>(first));
  Rng(5).shuffle(std::span<int>(second));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, sorted);
  EXPECT_THAT(first, ::testing::UnorderedElementsAreArray(sorted));
}

// Slab

TEST(Slab, FindsWhatWasInserted) {
  Slab<std::string> slab;
  const auto one = slab.insert("one");
  const auto two = slab.insert("two");
  ASSERT_NE(slab.find(one), nullptr);
  EXPECT_EQ(*slab.find(one), "one");
  EXPECT_EQ(*slab.find(two), "two");
  EXPECT_EQ(slab.size(), 2u);
}

TEST(Slab, ZeroIsNoHandle) {
  Slab<int> slab;
  EXPECT_EQ(slab.find(0), nullptr);
  EXPECT_NE(slab.insert(1), 0u);
  EXPECT_EQ(slab.find(0), nullptr);
  EXPECT_FALSE(slab.erase(0));
}

TEST(Slab, AHandleOfAnUnknownCellFindsNothing) {
  Slab<int> slab;
  const auto handle = slab.insert(1);
  EXPECT_EQ(slab.find(handle + 1), nullptr);
  EXPECT_EQ(slab.find(handle + (std::uint64_t{1} << 32)), nullptr);
}

TEST(Slab, AnErasedHandleFindsNothingAfterItsCellIsUsedAgain) {
  Slab<int> slab;
  const auto old_handle = slab.insert(1);
  ASSERT_TRUE(slab.erase(old_handle));
  const auto new_handle = slab.insert(2);
  ASSERT_EQ(static_cast<std::uint32_t>(old_handle), static_cast<std::uint32_t>(new_handle));
  EXPECT_NE(old_handle, new_handle);
  EXPECT_EQ(slab.find(old_handle), nullptr);
  EXPECT_FALSE(slab.erase(old_handle));
  EXPECT_EQ(*slab.find(new_handle), 2);
}

TEST(Slab, GivesItsMemoryBackWhenItIsEmptyAgain) {
  Slab<int> slab;
  std::vector<Slab<int>::Handle> handles;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) handles.push_back(slab.insert(i));
    const std::size_t large = slab.memory_bytes();
    slab.release_if_idle();
    EXPECT_EQ(slab.memory_bytes(), large);  // It is not.
    for (const auto handle : handles) slab.erase(handle);
    slab.release_if_idle();
    EXPECT_LT(slab.memory_bytes(), large / 100);
    // Old handles find nothing, whatever comes.
    std::vector<Slab<int>::Handle> next;
    for (int i = 0; i < 5000; ++i) next.push_back(slab.insert(i));
    for (const auto handle : handles) ASSERT_EQ(slab.find(handle), nullptr);
    for (const auto handle : next) slab.erase(handle);
  }
}

TEST(Slab, ReferencesStayValidAcrossInserts) {
  Slab<std::string> slab;
  std::string& first = *slab.find(slab.insert("first"));
  for (int i = 0; i < 10'000; ++i) slab.insert("another");
  EXPECT_EQ(first, "first");
}

TEST(Slab, TakeHandsTheContentOver) {
  Slab<std::unique_ptr<int>> slab;
  const auto handle = slab.insert(std::make_unique<int>(5));
  const auto taken = slab.take(handle);
  ASSERT_TRUE(taken);
  EXPECT_EQ(**taken, 5);
  EXPECT_TRUE(slab.empty());
  EXPECT_FALSE(slab.take(handle));
}

TEST(Slab, WalksInTheOrderOfTheCells) {
  Slab<int> slab;
  const auto one = slab.insert(1);
  const auto two = slab.insert(2);
  const auto three = slab.insert(3);
  slab.erase(two);
  std::vector<std::pair<std::uint64_t, int>> met;
  slab.for_each([&](std::uint64_t handle, int& content) { met.emplace_back(handle, content); });
  EXPECT_THAT(met, ElementsAre(Pair(one, 1), Pair(three, 3)));
}

TEST(Slab, AWalkMayEraseWhatItMeets) {
  Slab<int> slab;
  for (int i = 0; i < 10; ++i) slab.insert(i);
  slab.for_each([&](std::uint64_t handle, int& content) {
    if (content % 2 == 0) slab.erase(handle);
  });
  EXPECT_EQ(slab.size(), 5u);
}

TEST(Slab, AContentsDestructorMayEraseAnother) {
  struct Eraser {
    Slab<std::shared_ptr<Eraser>>* slab;
    std::uint64_t other;
    ~Eraser() { slab->erase(other); }
  };
  Slab<std::shared_ptr<Eraser>> slab;
  const auto last = slab.insert(nullptr);
  const auto first = slab.insert(std::make_shared<Eraser>(Eraser{&slab, 0}));
  (*slab.find(first))->other = last;
  slab.erase(first);
  EXPECT_TRUE(slab.empty());
}

// Snapshot

TEST(Snapshot, IsNullAtFirst) { EXPECT_EQ(Snapshot<int>().load(), nullptr); }

TEST(Snapshot, GivesWhatWasStoredLast) {
  Snapshot<int> cell(std::make_shared<const int>(1));
  EXPECT_EQ(*cell.load(), 1);
  cell.store(std::make_shared<const int>(2));
  EXPECT_EQ(*cell.load(), 2);
}

TEST(Snapshot, AReaderKeepsWhatItGot) {
  Snapshot<int> cell(std::make_shared<const int>(1));
  const auto held = cell.load();
  cell.store(nullptr);
  EXPECT_EQ(*held, 1);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Snapshot, ReadersNeverSeeAnOlderOneAfterANewerOne) {
  Snapshot<int> cell(std::make_shared<const int>(0));
  std::atomic<int> backwards = 0;
  {
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < 3; ++reader) {
      readers.emplace_back([&] {
        for (int i = 0, last = 0; i < 5000; ++i) {
          const int now = *cell.load();
          if (now < last) ++backwards;
          last = now;
        }
      });
    }
    for (int i = 1; i <= 5000; ++i) cell.store(std::make_shared<const int>(i));
  }
  EXPECT_EQ(backwards, 0);
}

// Value

TEST(Value, IsEmptyAtFirst) {
  const Value value;
  EXPECT_TRUE(value.empty());
  EXPECT_EQ(value.view(), "");
  EXPECT_EQ(value.retained_bytes(), 0u);
}

TEST(Value, CopyOfHasBytesOfItsOwn) {
  std::string bytes = "bytes";
  const Value value = Value::copy_of(bytes);
  bytes[0] = 'x';
  EXPECT_EQ(value.view(), "bytes");
}

TEST(Value, CopiesShareTheBytes) {
  const Value value = Value::copy_of("bytes");
  const Value copy = value;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(copy.data(), value.data());
}

TEST(Value, AMovedFromValueIsEmpty) {
  Value from = Value::copy_of("bytes");
  const Value to = std::move(from);
  EXPECT_EQ(to.view(), "bytes");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Value, SurvivesAssignmentToItself) {
  Value value = Value::copy_of("bytes");
  const Value& same = value;
  value = same;
  EXPECT_EQ(value.view(), "bytes");
}

TEST(Value, AdoptTakesTheStringsMemory) {
  std::string bytes(1000, 'x');
  const void* memory = bytes.data();
  const Value value = Value::adopt(std::move(bytes));
  EXPECT_EQ(value.data(), memory);
  EXPECT_EQ(value.view(), std::string(1000, 'x'));
}

TEST(Value, AdoptsShortStringsToo) { EXPECT_EQ(Value::adopt("short").view(), "short"); }

TEST(Value, BorrowStaticCopiesNothing) {
  static constexpr std::string_view kBytes = "static";
  const Value value = Value::borrow_static(kBytes);
  EXPECT_EQ(value.view().data(), kBytes.data());
  EXPECT_EQ(value.retained_bytes(), 0u);
}

TEST(Value, UninitializedIsFilledByTheCaller) {
  std::byte* writable = nullptr;
  const Value value = Value::uninitialized(3, &writable);
  for (int i = 0; i < 3; ++i) writable[i] = static_cast<std::byte>('a' + i);
  EXPECT_EQ(value.view(), "abc");
}

TEST(Value, ASliceKeepsTheWholeBufferAlive) {
  Value slice;
  {
    const Value whole = Value::copy_of("head body tail");
    slice = whole.slice(5, 4);
    EXPECT_EQ(slice.data(), whole.data() + 5);
  }
  EXPECT_EQ(slice.view(), "body");
}

TEST(Value, RetainedBytesOfASliceAreThoseOfItsBuffer) {
  const Value whole = Value::copy_of(std::string(1000, 'x'));
  EXPECT_GE(whole.retained_bytes(), 1000u);
  EXPECT_LE(whole.retained_bytes(), 1064u);
  EXPECT_EQ(whole.slice(10, 1).retained_bytes(), whole.retained_bytes());
}

TEST(Value, RetainedBytesOfAnAdoptedStringIncludeItsCapacity) {
  std::string bytes = "short";
  bytes.reserve(5000);
  EXPECT_GE(Value::adopt(std::move(bytes)).retained_bytes(), 5000u);
}

TEST(Value, ComparesBytesNotHandles) {
  EXPECT_EQ(Value::copy_of("same"), Value::borrow_static("same"));
  EXPECT_FALSE(Value::copy_of("one") == Value::copy_of("two"));
}

TEST(Value, HandlesOfOneValueMayBeUsedFromManyThreads) {
  const Value value = Value::copy_of(std::string(100, 'x'));
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([mine = value, &wrong] {
        for (int i = 0; i < 5000; ++i) {
          const Value copy = mine.slice(1, 98);
          if (copy.view().back() != 'x') ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Tenure, BeginsANewEpochOnlyForSlotsThatCome) {
  const SlotIndex kept{1};
  const SlotIndex flips{2};
  Tenure tenure;
  EXPECT_EQ(tenure.of(kept), 0u);
  tenure.change(10, [](SlotIndex) { return true; });
  EXPECT_EQ(tenure.of(kept), 10u);
  tenure.change(20, [&](SlotIndex slot) { return slot == kept; });
  EXPECT_EQ(tenure.of(kept), 10u);
  EXPECT_EQ(tenure.of(flips), 0u);
  tenure.change(30, [](SlotIndex) { return true; });
  EXPECT_EQ(tenure.of(kept), 10u);
  EXPECT_EQ(tenure.of(flips), 30u);
}

TEST(Tenure, AnEpochIsUnbrokenUntilItLosesASlot) {
  const auto all = [](SlotIndex) { return true; };
  const auto half = [](SlotIndex slot) { return slot.value % 2 == 0; };
  Tenure tenure;
  EXPECT_EQ(tenure.unbroken(), 0u);
  tenure.change(10, half);
  EXPECT_EQ(tenure.unbroken(), 10u);
  tenure.change(20, all);
  EXPECT_EQ(tenure.unbroken(), 10u);  // What came later has another epoch.
  tenure.change(30, half);
  EXPECT_EQ(tenure.unbroken(), 10u);
  tenure.change(40, [](SlotIndex slot) { return slot.value % 4 == 0; });
  EXPECT_EQ(tenure.unbroken(), 0u);
  tenure.change(50, all);
  EXPECT_EQ(tenure.unbroken(), 0u);
  tenure.change(60, [](SlotIndex) { return false; });
  tenure.change(70, all);
  EXPECT_EQ(tenure.unbroken(), 70u);
}

TEST(Tenure, ASlotThatIsKeptKeepsItsEpochHoweverManyChangesThereAre) {
  const auto tenure = std::make_unique<Tenure>();
  const SlotIndex kept{7};
  tenure->change(1, [&](SlotIndex slot) { return slot == kept; });
  const std::uint64_t epoch = tenure->of(kept);
  for (std::uint16_t i = 0; i < 10'000; ++i) {
    const SlotIndex other{static_cast<std::uint16_t>(100 + i % 2)};
    tenure->change(1, [&](SlotIndex slot) { return slot == kept || slot == other; });
  }
  EXPECT_EQ(tenure->of(kept), epoch);
}

TEST(Tenure, EpochsRiseThoughTheClockDoesNot) {
  Tenure tenure;
  tenure.change(10, [](SlotIndex) { return true; });
  tenure.change(10, [](SlotIndex) { return false; });
  tenure.change(10, [](SlotIndex) { return true; });
  EXPECT_GT(tenure.of(SlotIndex{0}), 10u);
}

}  // namespace
}  // namespace kith
