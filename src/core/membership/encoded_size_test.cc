// SPDX-License-Identifier: Apache-2.0
#include "core/membership/encoded_size.h"

#include <gtest/gtest.h>

#include <string>

#include "core/membership/versions.h"

namespace kith::membership {
namespace {

const std::string kA("\x7f\x00\x00\x0b", 4);
const std::string kP1("\x7f\x00\x00\x15", 4);
constexpr std::uint16_t kPort = 17946;

// The sizes of packets that memberlist nodes wrote.

TEST(EncodedSizeTest, IsTheSizeOnTheWire) {
  EXPECT_EQ(encoded_size(Ping{1, "p1", kA, kPort, "a"}), 60u);
  EXPECT_EQ(encoded_size(IndirectPing{3, kP1, kPort, "p1", true, kA, kPort, "a"}), 86u);
  EXPECT_EQ(encoded_size(Suspect{1, "p1", "a"}), 30u);
  EXPECT_EQ(encoded_size(Dead{1, "a", "a"}), 29u);
  EXPECT_EQ(encoded_size(Alive{1, "p1", kP1, kPort, "", kVersions}), 58u);
  EXPECT_EQ(encoded_size(Ack{7}), 18u);
  EXPECT_EQ(encoded_size(Ack{7, "PP"}), 20u);
  EXPECT_EQ(encoded_size(Nack{901}), 11u);
  EXPECT_EQ(encoded_size(User{"hello-user"}), 11u);
}

TEST(EncodedSizeTest, LeavesOutAnAbsentSource) { EXPECT_EQ(encoded_size(Ping{7, "a"}), 16u); }

TEST(EncodedSizeTest, CountsAPushPullWithItsMembersAndUserState) {
  const NodeState p1{"p1", kP1, kPort, "", 1, State::alive, kVersions};
  NodeState a{"a", kA, kPort, "m1", 1, State::alive, kVersions};
  EXPECT_EQ(encoded_size_on_stream(PushPull{true, {p1}}), 93u);
  EXPECT_EQ(encoded_size_on_stream(PushPull{true, {a}, "hello-state"}), 105u);
  EXPECT_EQ(encoded_size_on_stream(Ping{7, "a"}), 16u);
  EXPECT_EQ(encoded_size_on_stream(Ack{7}), 18u);
}

TEST(EncodedSizeTest, LongNamesAndNumbersTakeLongerForms) {
  const auto alive = [](std::uint32_t incarnation, std::size_t meta) {
    return encoded_size(Alive{incarnation, "p1", kP1, kPort, std::string(meta, 'm'), kVersions});
  };
  EXPECT_EQ(alive(127, 31), 58u + 31u);
  EXPECT_EQ(alive(127, 32), 58u + 32u + 2u);
  EXPECT_EQ(alive(128, 0), 59u);
  EXPECT_EQ(alive(256, 0), 60u);
  EXPECT_EQ(alive(65'536, 0), 62u);
}

}  // namespace
}  // namespace kith::membership
