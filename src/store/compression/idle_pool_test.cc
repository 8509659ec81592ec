// SPDX-License-Identifier: Apache-2.0
#include "store/compression/idle_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace kith::store {
namespace {

/// Counts how many of its kind there are.
class Counted {
 public:
  explicit Counted(std::atomic<int>& alive) : alive_(alive) { alive_.fetch_add(1); }
  ~Counted() { alive_.fetch_sub(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  /// Not synchronized: for one user at a time.
  int uses = 0;

 private:
  std::atomic<int>& alive_;
};

TEST(IdlePool, GivesBackWhatItGot) {
  std::atomic<int> alive{0};
  IdlePool<Counted> pool;
  EXPECT_EQ(pool.take(), nullptr);
  auto object = std::make_unique<Counted>(alive);
  const Counted* const address = object.get();
  pool.give(std::move(object));
  EXPECT_EQ(pool.take().get(), address);
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(IdlePool, DestroysWhatItHasNoRoomFor) {
  std::atomic<int> alive{0};
  IdlePool<Counted> pool;
  for (int i = 0; i < 100; ++i) pool.give(std::make_unique<Counted>(alive));
  EXPECT_EQ(alive.load(), static_cast<int>(IdlePool<Counted>::kSlots));
  pool.clear();
  EXPECT_EQ(alive.load(), 0);
}

TEST(IdlePool, AnObjectHasOneUserAtATime) {
  std::atomic<int> alive{0};
  std::atomic<int> made{0};
  std::atomic<int> used{0};
  {
    IdlePool<Counted> pool;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 5000; ++round) {
          auto object = pool.take();
          if (object == nullptr) {
            object = std::make_unique<Counted>(alive);
            made.fetch_add(1);
          }
          ++object->uses;
          pool.give(std::move(object));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(alive.load(), made.load());
    while (const auto object = pool.take()) used.fetch_add(object->uses);
  }
  EXPECT_EQ(used.load(), 4 * 5000);
  EXPECT_EQ(alive.load(), 0);
}

}  // namespace
}  // namespace kith::store
