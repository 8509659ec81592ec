// SPDX-License-Identifier: Apache-2.0
#include "store/index/index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <thread>
#include <tuple>
#include <vector>

#include "base/epoch.h"
#include "base/hash.h"
#include "base/rng.h"

namespace kith::store {
namespace {

/// The hash of the key that lies at this handle.
std::uint32_t hash_at(Handle handle) { return static_cast<std::uint32_t>(mix64(handle)); }

bool has(const Index& index, std::uint32_t hash, Handle handle) {
  const Pin pin;
  return index.find(hash, [handle](Handle found) { return found == handle; }) == handle;
}

/// All that there is of the hash.
std::multiset<Handle> all_of(const Index& index, std::uint32_t hash) {
  const Pin pin;
  std::multiset<Handle> found;
  EXPECT_EQ(index.find(hash,
                       [&](Handle handle) {
                         found.insert(handle);
                         return false;
                       }),
            0u);
  return found;
}

void insert_range(Index& index, Handle begin, Handle end) {
  for (Handle handle = begin; handle < end; ++handle) index.insert(hash_at(handle), handle);
}
void erase_range(Index& index, Handle begin, Handle end) {
  for (Handle handle = begin; handle < end; ++handle) index.erase(hash_at(handle), handle);
}
std::size_t count_range(const Index& index, Handle begin, Handle end) {
  std::size_t count = 0;
  for (Handle handle = begin; handle < end; ++handle) count += has(index, hash_at(handle), handle);
  return count;
}

/// Gives back what was replaced. Requires that nobody is pinned.
void reclaim_all(Index& index) {
  const std::uint64_t epoch = epoch::retire();
  ASSERT_TRUE(epoch::all_left(epoch));
  index.reclaim(epoch);
}

TEST(Index, FindsNothingInAnEmptyOne) {
  const Index index;
  EXPECT_EQ(all_of(index, 0), std::multiset<Handle>());
  EXPECT_EQ(all_of(index, UINT32_MAX), std::multiset<Handle>());
  EXPECT_EQ(index.size(), 0u);
}

TEST(Index, FindsWhatWasInserted) {
  Index index;
  index.insert(7, 100);
  EXPECT_EQ(all_of(index, 7), std::multiset<Handle>{100});
  EXPECT_EQ(all_of(index, 8), std::multiset<Handle>());
  EXPECT_EQ(index.size(), 1u);
}

TEST(Index, AsksUntilItIsTheOne) {
  Index index;
  for (Handle handle = 1; handle <= 5; ++handle) index.insert(7, handle);
  for (Handle handle = 1; handle <= 5; ++handle) EXPECT_TRUE(has(index, 7, handle));
  EXPECT_FALSE(has(index, 7, 6));
}

TEST(Index, TakesAllHashesAndAllHandles) {
  Index index;
  constexpr Handle kLargest = (Handle{1} << kHandleBits) - 1;
  index.insert(0, kLargest);
  index.insert(UINT32_MAX, kLargest - 1);
  EXPECT_EQ(all_of(index, 0), std::multiset<Handle>{kLargest});
  EXPECT_EQ(all_of(index, UINT32_MAX), std::multiset<Handle>{kLargest - 1});
}

TEST(Index, ErasesTheOneHandle) {
  Index index;
  for (Handle handle = 1; handle <= 3; ++handle) index.insert(7, handle);
  index.erase(7, 2);
  EXPECT_EQ(all_of(index, 7), (std::multiset<Handle>{1, 3}));
  EXPECT_EQ(index.size(), 2u);
}

TEST(Index, ReplacesAHandle) {
  Index index;
  insert_range(index, 1, 1000);
  index.replace(hash_at(500), 500, 5000);
  EXPECT_EQ(all_of(index, hash_at(500)), std::multiset<Handle>{5000});
  EXPECT_EQ(index.size(), 999u);
}

TEST(Index, ReplacesAHandleInABucketThatFlowsOver) {
  Index index;
  for (Handle handle = 1; handle <= 100; ++handle) index.insert(7, handle);
  for (Handle handle = 1; handle <= 100; ++handle) index.replace(7, handle, 1000 + handle);
  std::multiset<Handle> expected;
  for (Handle handle = 1; handle <= 100; ++handle) expected.insert(1000 + handle);
  EXPECT_EQ(all_of(index, 7), expected);
}

TEST(Index, IsEmptyAfterClear) {
  Index index;
  insert_range(index, 1, 30000);
  index.clear();
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(count_range(index, 1, 30000), 0u);
  reclaim_all(index);
  EXPECT_LE(index.bytes(), Index().bytes());
  insert_range(index, 1, 100);
  EXPECT_EQ(count_range(index, 1, 100), 99u);
}

TEST(Index, GrowsAndShrinks) {
  Index index;
  constexpr Handle kEnd = 200'001;
  insert_range(index, 1, kEnd);
  EXPECT_EQ(index.size(), kEnd - 1);
  EXPECT_EQ(count_range(index, 1, kEnd), kEnd - 1);
  EXPECT_EQ(count_range(index, kEnd, kEnd + 10000), 0u);
  reclaim_all(index);
  const std::size_t full = index.bytes();

  erase_range(index, 1, kEnd - 1000);
  EXPECT_EQ(index.size(), 1000u);
  EXPECT_EQ(count_range(index, kEnd - 1000, kEnd), 1000u);
  EXPECT_EQ(count_range(index, 1, kEnd - 1000), 0u);
  reclaim_all(index);
  EXPECT_LT(index.bytes(), full / 10);
}

TEST(Index, CostsLittleMoreThanItsEntries) {
  Index index;
  constexpr Handle kEntries = 60'000;
  insert_range(index, 1, kEntries + 1);
  reclaim_all(index);
  const auto per_entry = static_cast<double>(index.bytes()) / kEntries;
  EXPECT_LT(per_entry, 11);
  EXPECT_GT(per_entry, 8) << "less than an entry has";
}

TEST(Index, DoesNotGrowWhileEntriesComeAndGo) {
  Index index;
  constexpr Handle kEntries = 10'000;
  insert_range(index, 1, kEntries + 1);
  reclaim_all(index);
  const std::size_t before = index.bytes();
  for (Handle handle = 1; handle <= 10 * kEntries; ++handle) {
    index.erase(hash_at(handle), handle);
    index.insert(hash_at(handle + kEntries), handle + kEntries);
    if (handle % 1000 == 0) reclaim_all(index);
  }
  EXPECT_EQ(index.size(), kEntries);
  EXPECT_EQ(count_range(index, 10 * kEntries + 1, 11 * kEntries + 1), kEntries);
  EXPECT_LT(index.bytes(), before * 5 / 4);
}

TEST(Index, FindsAllOfManyEqualHashes) {
  Index index;
  constexpr std::uint32_t kHash = 0x9abcdef0;
  constexpr Handle kEqual = 3000;
  std::multiset<Handle> expected;
  for (Handle handle = 1; handle <= kEqual; ++handle) {
    index.insert(kHash, handle);
    expected.insert(handle);
  }
  EXPECT_EQ(all_of(index, kHash), expected);
  EXPECT_EQ(all_of(index, kHash + 1), std::multiset<Handle>());
  for (Handle handle = 1; handle <= kEqual; handle += 2) {
    index.erase(kHash, handle);
    expected.erase(handle);
  }
  EXPECT_EQ(all_of(index, kHash), expected);
}

TEST(Index, EqualHashesDoNotHideTheirNeighbours) {
  Index index;
  constexpr Handle kOthers = 20'000;
  insert_range(index, 1, kOthers);
  const std::uint32_t hash = hash_at(77);
  for (Handle handle = kOthers; handle < kOthers + 600; ++handle) index.insert(hash, handle);
  EXPECT_EQ(count_range(index, 1, kOthers), kOthers - 1);
  EXPECT_EQ(all_of(index, hash).size(), 601u);
  for (Handle handle = kOthers; handle < kOthers + 600; ++handle) index.erase(hash, handle);
  EXPECT_EQ(count_range(index, 1, kOthers), kOthers - 1);
  EXPECT_EQ(all_of(index, hash), std::multiset<Handle>{77});
}

TEST(Index, HashesWithTheSameTopBitsAreTold) {
  Index index;
  for (Handle handle = 1; handle <= 4000; ++handle) index.insert(0xabcd0000 + handle, handle);
  for (Handle handle = 1; handle <= 4000; ++handle) {
    ASSERT_EQ(all_of(index, 0xabcd0000 + handle), std::multiset<Handle>{handle});
  }
}

TEST(Index, KeepsWhatWasReplacedUntilItIsReclaimed) {
  Index index;
  insert_range(index, 1, 5000);
  const std::size_t retired = index.retired_bytes();
  EXPECT_GT(retired, 0u);
  const std::size_t before = index.bytes();
  index.reclaim(0);
  EXPECT_EQ(index.retired_bytes(), retired) << "nothing is as old as that";
  reclaim_all(index);
  EXPECT_EQ(index.retired_bytes(), 0u);
  EXPECT_EQ(index.bytes(), before - retired);
  EXPECT_EQ(count_range(index, 1, 5000), 4999u);
}

TEST(Index, ReclaimsNoMoreThanTheEpochAllows) {
  Index index;
  insert_range(index, 1, 1000);
  const std::size_t first = index.retired_bytes();
  const std::uint64_t epoch = epoch::retire();
  insert_range(index, 1000, 5000);
  const std::size_t all = index.retired_bytes();
  ASSERT_GT(all, first);
  ASSERT_TRUE(epoch::all_left(epoch));
  index.reclaim(epoch);
  EXPECT_EQ(index.retired_bytes(), all - first);
}

RC_GTEST_PROP(Index, BehavesAsAMultimap, ()) {
  enum class Kind { insert, insert_many, erase, erase_many, replace, clear };
  const auto steps = *rc::gen::container<std::vector<std::tuple<Kind, std::uint32_t>>>(
      rc::gen::tuple(rc::gen::weightedElement<Kind>({{20, Kind::insert},
                                                     {10, Kind::insert_many},
                                                     {10, Kind::erase},
                                                     {5, Kind::erase_many},
                                                     {5, Kind::replace},
                                                     {1, Kind::clear}}),
                     rc::gen::arbitrary<std::uint32_t>()));
  // Of few bits, so that many are equal, and at the top and at the bottom.
  const auto hash_bits = *rc::gen::inRange(1u, 16u);
  const auto shift = *rc::gen::element(0u, 16u);
  Index index;
  std::multimap<std::uint32_t, Handle> model;
  Handle next = 0;
  std::size_t most = 0;
  const auto insert = [&](std::uint32_t number) {
    const auto hash = (static_cast<std::uint32_t>(mix64(number)) & ((1u << hash_bits) - 1))
                      << shift;
    index.insert(hash, ++next);
    model.emplace(hash, next);
  };
  const auto any = [&](std::uint32_t number) {
    auto at = model.lower_bound((number & ((1u << hash_bits) - 1)) << shift);
    return at == model.end() ? model.begin() : at;
  };
  for (const auto& [kind, number] : steps) {
    switch (kind) {
      case Kind::insert:
        insert(number);
        break;
      case Kind::insert_many:
        for (std::uint32_t i = 0; i < 120 && model.size() < 3000; ++i) insert(number + i);
        break;
      case Kind::erase:
      case Kind::erase_many:
        for (std::uint32_t i = 0; i < (kind == Kind::erase ? 1 : 100) && !model.empty(); ++i) {
          const auto at = any(number * (i + 1));
          index.erase(at->first, at->second);
          model.erase(at);
        }
        break;
      case Kind::replace:
        if (!model.empty()) {
          const auto at = any(number);
          index.replace(at->first, at->second, ++next);
          at->second = next;
        }
        break;
      case Kind::clear:
        index.clear();
        model.clear();
        break;
    }
    RC_ASSERT(index.size() == model.size());
    most = std::max(most, model.size());
  }
  RC_CLASSIFY(most > 256);
  std::map<std::uint32_t, std::multiset<Handle>> by_hash;
  for (const auto& [hash, handle] : model) by_hash[hash].insert(handle);
  for (std::uint32_t bits = 0; bits < 1u << hash_bits && bits < 2048; ++bits) {
    RC_ASSERT(all_of(index, bits << shift) == by_hash[bits << shift]);
  }
  const std::uint64_t epoch = epoch::retire();
  RC_ASSERT(epoch::all_left(epoch));
  index.reclaim(epoch);
  RC_ASSERT(index.retired_bytes() == 0u);
  for (const auto& [hash, handle] : model) RC_ASSERT(has(index, hash, handle));
}

/// Readers that look all the time for keys that are there all the time.
class Readers {
 public:
  Readers(const Index& index, Handle stable_end) : index_(index) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      threads_.emplace_back([this, seed, stable_end](const std::stop_token& stop) {
        Rng rng(seed);
        while (!stop.stop_requested()) {
          const Pin pin;
          for (int i = 0; i < 16; ++i) {
            const auto wanted = static_cast<Handle>(1 + rng.below(stable_end - 1));
            const std::uint32_t hash = hash_at(wanted);
            index_.prefetch(hash);
            if (index_.find(hash, [&](Handle found) { return found == wanted; }) != wanted) {
              missed_.fetch_add(1);
            }
          }
          looks_.fetch_add(16);
        }
      });
    }
  }
  std::uint64_t looks() const { return looks_.load(); }
  std::uint64_t missed() const { return missed_.load(); }

 private:
  const Index& index_;
  std::atomic<std::uint64_t> looks_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::vector<std::jthread> threads_;
};

TEST(Index, ReadersFindEveryKeyWhileAWriterGrowsAndShrinksIt) {
  Index index;
  constexpr Handle kStable = 500;
  constexpr Handle kEnd = 30'000;
  insert_range(index, 1, kStable);
  const Readers readers(index, kStable);
  std::uint64_t reclaimed = 0;
  const auto try_to_reclaim = [&] {
    const std::uint64_t epoch = epoch::retire();
    if (!epoch::all_left(epoch)) return;
    reclaimed += index.retired_bytes();
    index.reclaim(epoch);
  };
  for (int round = 0; round < 3 || readers.looks() < 10'000 || reclaimed == 0; ++round) {
    for (Handle handle = kStable; handle < kEnd; ++handle) {
      index.insert(hash_at(handle), handle);
      if (handle % 64 == 0) try_to_reclaim();
    }
    for (Handle handle = kStable; handle < kEnd; ++handle) {
      index.erase(hash_at(handle), handle);
      if (handle % 64 == 0) try_to_reclaim();
    }
  }
  EXPECT_EQ(readers.missed(), 0u);
  EXPECT_EQ(index.size(), kStable - 1);
}

TEST(Index, ReadersFindAReplacedKeyByOneOfItsHandles) {
  Index index;
  constexpr Handle kKeys = 100;
  constexpr Handle kOther = 1u << 20;
  insert_range(index, 1, kKeys);
  std::atomic<std::uint64_t> missed{0};
  std::atomic<std::uint64_t> looks{0};
  std::jthread reader([&](const std::stop_token& stop) {
    for (Handle key = 1; !stop.stop_requested(); key = key % (kKeys - 1) + 1) {
      const Pin pin;
      const Handle found = index.find(
          hash_at(key), [key](Handle handle) { return handle == key || handle == key + kOther; });
      if (found == 0) missed.fetch_add(1);
      looks.fetch_add(1);
    }
  });
  for (int round = 0; round < 100 || looks.load() < 1000; ++round) {
    for (Handle key = 1; key < kKeys; ++key) index.replace(hash_at(key), key, key + kOther);
    for (Handle key = 1; key < kKeys; ++key) index.replace(hash_at(key), key + kOther, key);
  }
  EXPECT_EQ(missed.load(), 0u);
}

}  // namespace
}  // namespace kith::store
