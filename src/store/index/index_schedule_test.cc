// SPDX-License-Identifier: Apache-2.0
// Tables that split and directories that grow while others look, in interleavings that a seed
// decides. What smaller tables do is in store/schedule_test.cc.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/epoch.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/testing/scheduler.h"
#include "store/index/index.h"
#include "store/testing/history.h"

namespace kith::store {
namespace {

/// The first tables that are larger than this split.
constexpr std::size_t kLargestTableBytes = 64u << 10;

/// Different for each number, whose handle is the number and one. With `half`, all have the same
/// first bit.
std::uint32_t hash_of(std::uint64_t number, bool half) {
  const auto hash = static_cast<std::uint32_t>(mix64(number + 1));
  return half ? hash & (UINT32_MAX >> 1) : hash;
}
Handle handle_of(std::uint64_t number) { return static_cast<Handle>(number + 1); }

std::size_t live_bytes(const Index& index) { return index.bytes() - index.retired_bytes(); }

/// How many entries there are before one that splits a table: the `splits`th that does.
std::uint64_t entries_before_split(int splits, bool half) {
  Index index;
  for (std::uint64_t number = 0;; ++number) {
    const std::size_t before = live_bytes(index);
    const std::size_t retired = index.retired_bytes();
    index.insert(hash_of(number, half), handle_of(number));
    const std::size_t replaced = index.retired_bytes() - retired;
    if (replaced > kLargestTableBytes && live_bytes(index) > before && --splits == 0) return number;
  }
}

class IndexSchedule : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!schedule::kEnabled) GTEST_SKIP() << "a build without schedule points";
  }

  static schedule::Scheduler& scheduler() { return schedule::Scheduler::of_this_program(); }

  void explore(std::uint64_t filled, bool half, std::uint64_t seeds) {
    for (std::uint64_t seed = 0; seed < schedule::Scheduler::seeds(seeds); ++seed)
      play(filled, half, seed);
  }

 private:
  using Kind = Operation::Kind;

  void play(std::uint64_t filled, bool half, std::uint64_t seed) {
    Index index;
    for (std::uint64_t n = 0; n < filled; ++n) index.insert(hash_of(n, half), handle_of(n));
    index.reclaim(epoch::retire());
    const std::size_t retired = index.retired_bytes();
    Rng rng(seed);
    Mutex mutex;
    std::uint64_t moments = 0;
    std::vector<Operation> history;
    // Some that are there for long, then those that come.
    std::vector<std::uint64_t> numbers = {rng.below(filled), rng.below(filled)};
    for (std::uint64_t i = 0; i < 6; ++i) numbers.push_back(filled + i);
    for (std::uint64_t key = 0; key < 2; ++key) {
      history.push_back({Kind::put, key, numbers[key] + 1, moments + 1, moments + 2});
      moments += 2;
    }
    const auto record = [&](Kind kind, std::uint64_t key, std::uint64_t value,
                            std::uint64_t begin) {
      history.push_back({kind, key, value, begin, ++moments});
    };
    const auto insert = [&](std::uint64_t key) {
      const std::uint64_t begin = ++moments;
      const MutexLock lock(&mutex);
      index.insert(hash_of(numbers[key], half), handle_of(numbers[key]));
      record(Kind::put, key, numbers[key] + 1, begin);
    };
    const auto erase = [&](std::uint64_t key) {
      const std::uint64_t begin = ++moments;
      const MutexLock lock(&mutex);
      index.erase(hash_of(numbers[key], half), handle_of(numbers[key]));
      record(Kind::erase, key, 1, begin);
    };
    const auto find = [&](std::uint64_t key) {
      const std::uint64_t begin = ++moments;
      const Pin pin;
      const Handle wanted = handle_of(numbers[key]);
      const Handle found = index.find(hash_of(numbers[key], half), [wanted](Handle candidate) {
        schedule::point("find: has a handle");
        return candidate == wanted;
      });
      record(Kind::get, key, found, begin);
    };
    const auto reclaim = [&] {
      const MutexLock lock(&mutex);
      const std::uint64_t now = epoch::retire();
      if (epoch::all_left(now)) index.reclaim(now);
    };
    const auto read_some = [&] {
      for (int i = 0; i < 4; ++i) find(rng.below(numbers.size()));
    };
    scheduler().run(seed, 150,
                    {[&] {
                       insert(2);
                       reclaim();
                       insert(3);
                       erase(2);
                       insert(4);
                       reclaim();
                     },
                     [&] {
                       insert(5);
                       erase(0);
                       insert(6);
                       reclaim();
                       insert(7);
                     },
                     read_some, read_some});
    for (std::uint64_t key = 0; key < numbers.size(); ++key) find(key);
    ASSERT_EQ(keys_gone_wrong(history), std::vector<std::uint64_t>{}) << "seed " << seed << "\n"
                                                                      << scheduler().trace();
    index.reclaim(epoch::retire());
    ASSERT_EQ(index.retired_bytes(), retired) << "seed " << seed;
    for (std::uint64_t n = 0; n < filled; n += 97) {
      if (n == numbers[0]) continue;
      ASSERT_EQ(index.find(hash_of(n, half), [n](Handle h) { return h == handle_of(n); }),
                handle_of(n))
          << "seed " << seed;
    }
  }
};

TEST_F(IndexSchedule, ATableSplitsWhileOthersLook) {
  explore(entries_before_split(1, false) - 2, false, 200);
}

/// Of a directory of which two places have one table.
TEST_F(IndexSchedule, ADirectoryGrowsWhileOthersLook) {
  explore(entries_before_split(2, true) - 2, true, 200);
}

}  // namespace
}  // namespace kith::store
