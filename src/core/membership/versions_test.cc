// SPDX-License-Identifier: Apache-2.0
#include "core/membership/versions.h"

#include <gtest/gtest.h>

#include "core/membership/members.h"

namespace kith::membership {
namespace {

struct Case {
  const char* what;
  NodeState remote;
  bool compatible;
};

NodeState node(Versions versions, State state = State::alive) {
  NodeState node;
  node.name = "r";
  node.state = state;
  node.vsn = versions;
  return node;
}

TEST(VersionsTest, PoolMergesOnlyWhatAllUnderstand) {
  Rng rng(1);
  Members members("self");
  Member& self = members.add("self", rng);
  self.state = State::alive;
  self.versions = kVersions;
  const Case cases[] = {
      {"the same", node(kVersions), true},
      {"older, overlapping", node({1, 3, 2, 0, 0, 0}), true},
      {"maximum below what we speak", node({1, 1, 1, 0, 0, 0}), false},
      {"minimum above what we speak", node({3, 5, 3, 0, 0, 0}), false},
      {"speaks more than we know", node({1, 6, 6, 0, 0, 0}), false},
      {"absent", node({}), false},
      {"user data that we do not know", node({1, 5, 2, 2, 5, 4}), false},
      {"dead ones do not narrow", node({2, 2, 2, 0, 0, 0}, State::dead), true},
      {"and must be understood", node({1, 6, 6, 0, 0, 0}, State::dead), false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(compatible(std::array{c.remote}, members), c.compatible) << c.what;
  }
}

TEST(VersionsTest, WhatContradictsItselfIsNoVersion) {
  EXPECT_TRUE(consistent(kVersions));
  EXPECT_TRUE(consistent({1, 5, 2, 2, 5, 4}));
  EXPECT_FALSE(consistent({}));
  EXPECT_FALSE(consistent({0, 5, 2, 0, 0, 0}));
  EXPECT_FALSE(consistent({3, 2, 2, 0, 0, 0}));
  EXPECT_FALSE(consistent({1, 5, 6, 0, 0, 0}));
  EXPECT_FALSE(consistent({1, 5, 2, 2, 5, 1}));
}

}  // namespace
}  // namespace kith::membership
