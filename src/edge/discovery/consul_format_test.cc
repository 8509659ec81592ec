// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/consul_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::edge::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ConsulInstances, OfTheCatalog) {
  const auto found = parse_consul_instances(
      R"([{"ID":"40e4a748","Node":"t2.320","Address":"192.168.10.10","ServiceAddress":"172.17.0.3",
           "ServiceName":"cache","ServicePort":5000,"ServiceTags":["tacos"]},
          {"Node":"t2.321","Address":"2001:DB8:0::1","ServiceAddress":"","ServicePort":5001}])");
  ASSERT_TRUE(found) << found.error();
  EXPECT_THAT(found->seeds, ElementsAre(Seed{"172.17.0.3", 5000}, Seed{"2001:db8::1", 5001}));
  EXPECT_THAT(found->complaint, IsEmpty());
}

TEST(ConsulInstances, OfTheHealthEndpoint) {
  const auto found = parse_consul_instances(
      R"([{"Node":{"Node":"foobar","Address":"10.1.10.12"},
           "Service":{"ID":"cache","Address":"cache.example.com","Port":8000},"Checks":[]},
          {"Node":{"Address":"10.1.10.13"},"Service":{"Address":"","Port":8000}}])");
  ASSERT_TRUE(found) << found.error();
  EXPECT_THAT(found->seeds, ElementsAre(Seed{"cache.example.com", 8000}, Seed{"10.1.10.13", 8000}));
}

TEST(ConsulInstances, NoneIsAnAnswer) {
  const auto found = parse_consul_instances("[]");
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(*found, Found{});
}

TEST(ConsulInstances, WhatCannotBeReachedIsAComplaint) {
  const auto found = parse_consul_instances(
      R"([7, null, {}, {"ServiceAddress":5,"ServicePort":"x"}, {"Address":"10.0.0.1","ServicePort":-1},
          {"Address":"10.0.0.1","ServicePort":1.5}, {"Address":"10.0.0.2","ServicePort":70000},
          {"Service":{}}, {"Address":"10.0.0.3","ServicePort":1}])");
  ASSERT_TRUE(found) << found.error();
  EXPECT_THAT(found->seeds, ElementsAre(Seed{"10.0.0.3", 1}));
  EXPECT_THAT(found->complaint, HasSubstr("an instance's address is"));
}

TEST(ConsulInstances, AnythingElseIsRefused) {
  for (const char* json : {"", "{}", "null", "[", "Permission denied", "[\"\xff\"]"}) {
    EXPECT_FALSE(parse_consul_instances(json)) << json;
  }
}

}  // namespace
}  // namespace kith::edge::discovery
