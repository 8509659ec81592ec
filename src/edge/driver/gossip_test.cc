// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/gossip.h"

#include <gtest/gtest.h>

#include "core/membership/membership.h"

namespace kith::edge {
namespace {
using Gossip = GossipDriver<membership::Membership>;
TEST(GossipTest, Starts) {
  auto d = Gossip::start({.host = {.listen = "127.0.0.1:0"}}, [](const membership::Address& a,
                                                                 std::size_t over, TimePoint now) {
    return std::make_unique<membership::Membership>(
        membership::Options{.name = "a", .address = a, .packet_overhead = over}, now);
  });
  ASSERT_TRUE(d) << d.error();
  EXPECT_EQ((*d)->members()->size(), 1u);
}
}  // namespace
}  // namespace kith::edge
