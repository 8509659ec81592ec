// SPDX-License-Identifier: Apache-2.0
#include "store/memory/pool.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace kith::store {
namespace {

TEST(Pool, HasNoMemoryWhileItIsEmpty) {
  Pool<std::string> pool;
  EXPECT_EQ(pool.bytes(), 0u);
  std::string& added = pool.add("a string that is too long to be within");
  EXPECT_EQ(pool.size(), 1u);
  EXPECT_EQ(pool.bytes(), Pool<std::string>::kBlockBytes);
  EXPECT_EQ(pool.take(added), "a string that is too long to be within");
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_EQ(pool.bytes(), 0u);
}

TEST(Pool, FillsBlocksAndTheirGapsBeforeItTakesMore) {
  Pool<std::string> pool;
  std::vector<std::string*> all;
  for (int i = 0; i < 1000; ++i) all.push_back(&pool.add(std::to_string(i)));
  const std::size_t bytes = pool.bytes();
  EXPECT_LE(bytes, 1000 * sizeof(std::string) * 11 / 10 + Pool<std::string>::kBlockBytes);
  for (std::size_t i = 0; i < all.size(); i += 2) pool.take(*all[i]);
  for (std::size_t i = 0; i < all.size(); i += 2) all[i] = &pool.add("again");
  EXPECT_EQ(pool.bytes(), bytes);
  for (std::string* each : all) pool.take(*each);
  EXPECT_EQ(pool.bytes(), 0u);
}

TEST(Pool, KeepsEachThingWhereItIsUntilItIsTaken) {
  Pool<std::unique_ptr<int>> pool;
  std::map<int, std::unique_ptr<int>*> living;
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    if (living.empty() || rng.chance(living.size() < 500 ? 0.6 : 0.4)) {
      living.emplace(i, &pool.add(std::make_unique<int>(i)));
    } else {
      const auto chosen = std::next(living.begin(), static_cast<int>(rng.below(living.size())));
      const std::unique_ptr<int> taken = pool.take(*chosen->second);
      ASSERT_EQ(*taken, chosen->first);
      living.erase(chosen);
    }
    ASSERT_EQ(pool.size(), living.size());
  }
  std::set<std::unique_ptr<int>*> places;
  for (const auto& [number, place] : living) {
    EXPECT_EQ(**place, number);
    EXPECT_TRUE(places.insert(place).second);
  }
  for (std::unique_ptr<int>* place : places) pool.take(*place);
  EXPECT_EQ(pool.bytes(), 0u);
}

}  // namespace
}  // namespace kith::store
