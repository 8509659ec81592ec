// SPDX-License-Identifier: Apache-2.0
#include "core/membership/liveness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace kith::membership {
namespace {

using namespace std::chrono_literals;
using Kind = LivenessEvent::Kind;

constexpr NodeId kPeer{7};
constexpr TimePoint kStart{100s};

class LivenessTest : public testing::Test {
 protected:
  LivenessTest() {
    liveness_.set_peers(std::array{kPeer}, kStart);
    liveness_.on_link_up(kPeer, kStart, events_);
    events_.clear();
  }
  /// Meets every deadline on time until `end`. The peer answers each ping at once when `answers`.
  void run_until(TimePoint end, bool answers) {
    while (liveness_.next_deadline() && *liveness_.next_deadline() <= end) {
      const TimePoint now = *liveness_.next_deadline();
      const std::size_t before = events_.size();
      liveness_.on_deadline(now, events_);
      for (std::size_t i = before; i < events_.size(); ++i) {
        if (events_[i].kind == Kind::ping && answers) liveness_.on_heard(kPeer, now);
      }
    }
  }
  long count(Kind kind) const {
    return std::count_if(events_.begin(), events_.end(),
                         [kind](const LivenessEvent& event) { return event.kind == kind; });
  }

  Marks marks_;
  Liveness liveness_{LivenessOptions{}, marks_};
  std::vector<LivenessEvent> events_;
};

TEST_F(LivenessTest, RumoursCountUnlessThePeerHasJustSpoken) {
  liveness_.on_rumour(kPeer, kStart + 500ms, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
  liveness_.on_rumour(kPeer, kStart + 1100ms, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::unreachable);
  EXPECT_EQ(count(Kind::lost_by_rumour), 1);
  liveness_.on_rumour(kPeer, kStart + 1200ms, events_);
  liveness_.on_rumour(NodeId{99}, kStart + 1200ms, events_);
  EXPECT_EQ(count(Kind::lost_by_rumour), 1) << "once, and never about strangers";
  liveness_.on_link_up(kPeer, kStart + 2s, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
}

TEST_F(LivenessTest, ARumourCountsBeforeTheFirstConnection) {
  constexpr NodeId kNew{8};
  liveness_.set_peers(std::array{kPeer, kNew}, kStart);
  liveness_.on_rumour(kNew, kStart, events_);
  EXPECT_EQ(liveness_.state(kNew), Reachability::unreachable);
}

TEST_F(LivenessTest, IdlePeerIsPingedAndStaysReachable) {
  run_until(kStart + 10s, true);
  EXPECT_EQ(count(Kind::ping), 10);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
}

TEST_F(LivenessTest, SilentPeerIsGivenUpWithinTheLimitOfARequest) {
  run_until(kStart + 900ms, true);
  const TimePoint sent = kStart + 900ms;
  liveness_.on_request_sent(kPeer, sent);
  run_until(sent + 1700ms, false);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::unreachable);
  EXPECT_EQ(count(Kind::lost_by_silence), 1);
}

TEST_F(LivenessTest, SlowAnswerIsNoSilenceWhilePingsAreAnswered) {
  liveness_.on_request_sent(kPeer, kStart);
  run_until(kStart + 60s, true);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
}

TEST_F(LivenessTest, BrokenLinkIsKnownAtOnceAndReversible) {
  liveness_.on_link_down(kPeer, kStart, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::unreachable);
  liveness_.on_link_down(kPeer, kStart, events_);
  EXPECT_EQ(count(Kind::lost_by_link), 1);
  liveness_.on_link_up(kPeer, kStart + 1s, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
  EXPECT_EQ(count(Kind::back), 1);
}

TEST_F(LivenessTest, OwnStallIsNotHeldAgainstPeers) {
  liveness_.on_request_sent(kPeer, kStart);
  liveness_.on_deadline(kStart + 300ms, events_);
  ASSERT_EQ(count(Kind::ping), 1);
  liveness_.on_deadline(kStart + 30s, events_);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
  EXPECT_EQ(marks_.count(Mark::peer_silence_forgiven), 1u);
  run_until(kStart + 40s, false);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::unreachable) << "it had its time again";
}

TEST_F(LivenessTest, RemovedPeerIsWatchedUntilItsRequestsEnded) {
  liveness_.on_request_sent(kPeer, kStart);
  liveness_.set_peers({}, kStart);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::reachable);
  EXPECT_EQ(liveness_.expecting(kPeer), 1u);
  liveness_.on_request_ended(kPeer);
  EXPECT_EQ(liveness_.state(kPeer), Reachability::unreachable);
}

}  // namespace
}  // namespace kith::membership
