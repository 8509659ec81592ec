// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace kith::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Recorder final : public Network::Endpoint {
 public:
  void when_awake(World::Task task) override { task(); }
  void on_frame(NodeIndex, const std::string& frame) override { frames.push_back(frame); }
  void on_link_up(NodeIndex) override { happened.push_back("up"); }
  void on_link_down(NodeIndex) override { happened.push_back("down"); }
  void on_caller_gone(NodeIndex) override { happened.push_back("caller gone"); }

  std::vector<std::string> frames;
  std::vector<std::string> happened;
};

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() {
    network_.attach(0, caller_);
    network_.attach(1, server_);
  }
  void connect() {
    network_.dial(0, 1);
    world_.run_for(milliseconds(100));
  }
  void send(int messages) {
    for (int i = 0; i < messages; ++i) network_.send_request(0, 1, std::to_string(i));
    world_.run_for(milliseconds(100));
  }

  World world_;
  Trace trace_{nullptr};
  Network network_{2, 1, world_, trace_};
  Recorder caller_;
  Recorder server_;
};

TEST_F(NetworkTest, ADialedConnectionComesUp) {
  connect();
  EXPECT_THAT(caller_.happened, ElementsAre("up"));
}

TEST_F(NetworkTest, WhatIsSentWhileDialingArrives) {
  network_.dial(0, 1);
  send(1);
  EXPECT_THAT(server_.frames, ElementsAre("0"));
}

TEST_F(NetworkTest, MessagesArriveInOrder) {
  connect();
  send(100);
  ASSERT_THAT(server_.frames, SizeIs(100));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(server_.frames[static_cast<std::size_t>(i)], std::to_string(i));
  }
}

TEST_F(NetworkTest, RepliesComeBackOnTheSameConnection) {
  connect();
  network_.send_reply(1, 0, "reply");
  world_.run_for(milliseconds(100));
  EXPECT_THAT(caller_.frames, ElementsAre("reply"));
}

TEST_F(NetworkTest, WithoutAConnectionNothingArrives) {
  send(1);
  EXPECT_THAT(server_.frames, IsEmpty());
}

TEST_F(NetworkTest, LossLosesSome) {
  LinkQuality quality;
  quality.loss = 0.5;
  network_.set_quality(quality);
  connect();
  send(100);
  EXPECT_LT(server_.frames.size(), 90u);
  EXPECT_GT(server_.frames.size(), 10u);
}

TEST_F(NetworkTest, DuplicationDoublesSome) {
  LinkQuality quality;
  quality.duplication = 0.5;
  network_.set_quality(quality);
  connect();
  send(100);
  EXPECT_GT(server_.frames.size(), 110u);
}

TEST_F(NetworkTest, ReorderingLetsSomeOvertake) {
  LinkQuality quality;
  quality.reordering = 0.5;
  network_.set_quality(quality);
  connect();
  send(100);
  std::vector<std::string> in_order;
  for (int i = 0; i < 100; ++i) in_order.push_back(std::to_string(i));
  EXPECT_NE(server_.frames, in_order);
  EXPECT_THAT(server_.frames, ::testing::UnorderedElementsAreArray(in_order));
}

TEST_F(NetworkTest, WhatIsHeldArrivesAfterTheBlock) {
  connect();
  network_.block(0, 1, Network::Blocked::held);
  send(1);
  EXPECT_THAT(server_.frames, IsEmpty());
  network_.block(0, 1, Network::Blocked::no);
  world_.run_for(milliseconds(100));
  EXPECT_THAT(server_.frames, ElementsAre("0"));
}

TEST_F(NetworkTest, WhatVanishesNeverArrivesAndBreaksNothing) {
  connect();
  network_.block(0, 1, Network::Blocked::vanishes);
  send(1);
  network_.block(0, 1, Network::Blocked::no);
  world_.run_for(seconds(5));
  EXPECT_THAT(server_.frames, IsEmpty());
  EXPECT_THAT(caller_.happened, ElementsAre("up"));
}

TEST_F(NetworkTest, TheDeathOfTheServerBreaksTheLink) {
  connect();
  network_.detach(1);
  world_.run_for(milliseconds(100));
  EXPECT_THAT(caller_.happened, ElementsAre("up", "down"));
}

TEST_F(NetworkTest, TheDeathOfTheCallerIsToldToTheServer) {
  connect();
  network_.detach(0);
  world_.run_for(milliseconds(100));
  EXPECT_THAT(server_.happened, ElementsAre("caller gone"));
}

TEST_F(NetworkTest, DialingTheDeadIsRefused) {
  network_.detach(1);
  connect();
  EXPECT_THAT(caller_.happened, ElementsAre("down"));
}

TEST_F(NetworkTest, DialingIntoSilenceEndsByTime) {
  network_.block(0, 1, Network::Blocked::vanishes);
  network_.dial(0, 1);
  world_.run_for(seconds(2));
  EXPECT_THAT(caller_.happened, ElementsAre("down"));
}

TEST_F(NetworkTest, ANewConnectionReplacesTheOldOneAtTheServer) {
  connect();
  network_.block(0, 1, Network::Blocked::vanishes);
  network_.hang_up(0, 1);  // Which the server does not hear.
  network_.block(0, 1, Network::Blocked::no);
  connect();
  EXPECT_THAT(server_.happened, ElementsAre("caller gone"));
}

}  // namespace
}  // namespace kith::sim
