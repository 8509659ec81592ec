// SPDX-License-Identifier: Apache-2.0
#include "base/epoch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace kith {
namespace {

/// A thread that is pinned from the end of the constructor until leave().
class PinnedThread {
 public:
  PinnedThread()
      : thread_([this] {
          const Pin pin;
          pinned_.store(true);
          pinned_.notify_one();
          leave_.wait(false);
        }) {
    pinned_.wait(false);
  }
  ~PinnedThread() {
    if (thread_.joinable()) leave();
  }
  void leave() {
    leave_.store(true);
    leave_.notify_one();
    thread_.join();
  }

 private:
  std::atomic<bool> pinned_{false};
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

std::size_t count_records() {
  std::size_t count = 0;
  epoch::for_each_record([&](const epoch::ThreadRecord&) { ++count; });
  return count;
}

TEST(Epoch, EpochsOnlyRise) {
  const std::uint64_t first = epoch::retire();
  EXPECT_GT(epoch::retire(), first);
}

TEST(Epoch, NobodyIsInTheWayWhenNobodyIsPinned) { EXPECT_TRUE(epoch::all_left(epoch::retire())); }

TEST(Epoch, OnesOwnPinIsInTheWay) {
  std::uint64_t retired = 0;
  {
    const Pin pin;
    retired = epoch::retire();
    EXPECT_FALSE(epoch::all_left(retired));
  }
  EXPECT_TRUE(epoch::all_left(retired));
}

TEST(Epoch, APinIsNotInTheWayOfWhatWasTakenOutBefore) {
  const std::uint64_t before = epoch::retire();
  const Pin pin;
  const std::uint64_t after = epoch::retire();
  EXPECT_TRUE(epoch::all_left(before));
  EXPECT_FALSE(epoch::all_left(after));
}

TEST(Epoch, TheOutermostPinCounts) {
  auto outer = std::make_unique<Pin>();
  const std::uint64_t pinned = outer->record().pinned.load();
  const std::uint64_t retired = epoch::retire();
  {
    const Pin inner;
    EXPECT_EQ(&inner.record(), &outer->record());
    // The outer one may have found what has been taken out since.
    EXPECT_EQ(inner.record().pinned.load(), pinned);
    EXPECT_FALSE(epoch::all_left(retired));
  }
  EXPECT_FALSE(epoch::all_left(retired)) << "the inner pin's end unpinned the outer one";
  outer.reset();
  EXPECT_TRUE(epoch::all_left(retired));
}

TEST(Epoch, ALaterPinIsOfALaterEpoch) {
  std::uint64_t first = 0;
  {
    const Pin pin;
    first = pin.record().pinned.load();
  }
  epoch::retire();
  const Pin pin;
  EXPECT_GT(pin.record().pinned.load(), first);
}

TEST(Epoch, AnotherThreadsPinIsInTheWayUntilItEnds) {
  const std::uint64_t before = epoch::retire();
  PinnedThread reader;
  const std::uint64_t after = epoch::retire();
  EXPECT_TRUE(epoch::all_left(before));
  EXPECT_FALSE(epoch::all_left(after));
  reader.leave();
  EXPECT_TRUE(epoch::all_left(after));
}

TEST(Epoch, TheOldestOfManyPinsDecides) {
  PinnedThread oldest;
  const std::uint64_t first = epoch::retire();
  PinnedThread youngest;
  const std::uint64_t second = epoch::retire();
  EXPECT_FALSE(epoch::all_left(first));
  oldest.leave();
  EXPECT_TRUE(epoch::all_left(first));
  EXPECT_FALSE(epoch::all_left(second));
  youngest.leave();
  EXPECT_TRUE(epoch::all_left(second));
}

TEST(Epoch, LaterThreadsGetTheRecordsOfThoseThatEnded) {
  const auto pin_once = [] { std::thread([] { const Pin pin; }).join(); };
  pin_once();
  const std::size_t records = count_records();
  for (int i = 0; i < 20; ++i) pin_once();
  EXPECT_EQ(count_records(), records);
}

TEST(Epoch, ThreadsThatRunTogetherHaveRecordsOfTheirOwn) {
  constexpr std::size_t kThreads = 6;
  std::vector<const epoch::ThreadRecord*> records(kThreads);
  std::barrier all_have_one(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const Pin pin;
        records[i] = &pin.record();
        all_have_one.arrive_and_wait();
      });
    }
  }
  std::sort(records.begin(), records.end());
  EXPECT_EQ(std::adjacent_find(records.begin(), records.end()), records.end());
}

TEST(Epoch, RecordsHaveDifferentNumbers) {
  PinnedThread one;
  PinnedThread two;
  std::vector<bool> seen(count_records());
  epoch::for_each_record([&](const epoch::ThreadRecord& record) {
    ASSERT_LT(record.ordinal, seen.size());
    EXPECT_FALSE(seen[record.ordinal]);
    seen[record.ordinal] = true;
  });
}

TEST(Epoch, NothingIsGivenBackUnderAReader) {
  // What was taken out is overwritten when nobody can see it, which a reader must never notice.
  constexpr std::uint64_t kAlive = 1;
  struct Cell {
    std::atomic<std::uint64_t> word{kAlive};
  };
  std::vector<std::unique_ptr<Cell>> cells;
  cells.push_back(std::make_unique<Cell>());
  std::atomic<Cell*> present{cells.back().get()};
  std::atomic<bool> seen_dead{false};
  std::atomic<std::uint64_t> looks{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const Pin pin;
        const Cell* const found = present.load(std::memory_order_acquire);
        for (int look = 0; look < 8; ++look) {
          if (found->word.load(std::memory_order_relaxed) != kAlive) seen_dead.store(true);
        }
        looks.fetch_add(1);
      }
    });
  }
  int given_back = 0;
  // A reader that lost its processor while pinned keeps everything for that long.
  for (int i = 0; i < 3000 || looks.load() < 100 || given_back == 0; ++i) {
    cells.push_back(std::make_unique<Cell>());
    Cell* const old = present.exchange(cells.back().get(), std::memory_order_acq_rel);
    if (!epoch::all_left(epoch::retire())) continue;
    old->word.store(0, std::memory_order_relaxed);
    ++given_back;
  }
  readers.clear();
  EXPECT_FALSE(seen_dead.load());
}

}  // namespace
}  // namespace kith
