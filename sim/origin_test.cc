// SPDX-License-Identifier: Apache-2.0
#include "sim/origin.h"

#include <gtest/gtest.h>

#include <string>

namespace kith::sim {
namespace {

KeyPlan key(std::string bytes, std::size_t value_bytes) {
  return {std::move(bytes), 0, value_bytes};
}

TEST(OriginValues, BelongToTheirKey) {
  for (const std::size_t size : {0u, 16u, 17u, 100u, 1000u}) {
    const KeyPlan plan = key("a", size);
    EXPECT_TRUE(Origin::belongs(plan, Origin::value_of(plan, 7).view())) << size;
  }
}

TEST(OriginValues, DoNotBelongToAnotherKey) {
  EXPECT_FALSE(Origin::belongs(key("b", 100), Origin::value_of(key("a", 100), 7).view()));
}

TEST(OriginValues, DoNotBelongWhenCutShort) {
  const Value value = Origin::value_of(key("a", 100), 7);
  EXPECT_FALSE(Origin::belongs(key("a", 100), value.view().substr(1)));
}

TEST(OriginValues, DoNotBelongWhenMixedOfTwoLoads) {
  const KeyPlan plan = key("a", 64);
  const std::string mixed = std::string(Origin::value_of(plan, 1).view().substr(0, 32)) +
                            std::string(Origin::value_of(plan, 2).view().substr(32));
  EXPECT_FALSE(Origin::belongs(plan, mixed));
}

}  // namespace
}  // namespace kith::sim
