// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/membership/cluster/test_clusters.h"

// Whole pools of kith nodes on virtual time.
namespace kith::membership {
namespace {

using namespace std::chrono_literals;
using Kind = PeerEvent::Kind;

/// A pool of `count` with one view.
void grow(TestClusters& pool, std::size_t count) {
  pool.add_seeded(count);
  ASSERT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 120s));
  pool.run_for(5s);
  ASSERT_TRUE(pool.agreed() && pool.one_view());
  pool.forget();
}

TEST(ClustersTest, LoneNodeOwnsItsCacheAtOnce) {
  TestClusters pool(1);
  pool.add();
  EXPECT_EQ(pool.view(0), "n0");
  EXPECT_EQ(pool.said().size(), 1u);
}

TEST(ClustersTest, OneSeedLeadsToOneView) {
  for (const std::size_t count : {2u, 10u, 50u}) {
    TestClusters pool(count);
    pool.add_seeded(count);
    EXPECT_TRUE(pool.run_until([&] { return pool.agreed() && pool.one_view(); }, 60s)) << count;
  }
}

TEST(ClustersTest, ViewFollowsWhoVanishes) {
  TestClusters pool(3);
  grow(pool, 10);
  pool.vanish(4);
  EXPECT_TRUE(pool.run_until([&] { return pool.one_view(); }, 10s));
  EXPECT_EQ(pool.said().size(), 9u);
}

}  // namespace
}  // namespace kith::membership
