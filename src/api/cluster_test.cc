// SPDX-License-Identifier: Apache-2.0
// Several nodes in one process: fills, sources, and changes of the peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/testing_kit.h"
#include "base/mutex.h"

namespace kith::api {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PeerStatus::State state_of(const Node& node, std::string_view address) {
  for (const PeerStatus& status : node.peers()) {
    if (status.peer.address == address) return status.state;
  }
  ADD_FAILURE() << address << " is no peer";
  return PeerStatus::State::connecting;
}

bool becomes(const Node& node, const std::string& address, PeerStatus::State state) {
  return eventually([&] { return state_of(node, address) == state; });
}

/// An address that nobody listens on.
std::string dead_address() {
  Node node = start_node();
  std::string address = node.address();
  node.stop();
  return address;
}

// Fills

TEST(TwoNodes, StartedByHandFillEachKeyOnce) {
  Origin origin;
  Node a = start_node();
  Node b = start_node();
  ASSERT_TRUE(a.set_peers({b.address()}));
  ASSERT_TRUE(b.set_peers({a.address()}));
  ASSERT_TRUE(a.wait_connected(kPatience));
  ASSERT_TRUE(b.wait_connected(kPatience));
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  const Cache in_b = open_cache(b, "c", {}, origin.loader());
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(text_of(in_a.get(key, patient())), key + "!");
    EXPECT_EQ(text_of(in_b.get(key, patient())), key + "!");
  }
  EXPECT_EQ(origin.loads(), 50);
}

TEST(TwoNodes, MayBeGivenEachOtherAtTheStart) {
  Origin origin;
  Node a = start_node();
  Node b = start_node({.peers = {a.address()}});
  ASSERT_TRUE(a.add_peer(b.address()));
  ASSERT_TRUE(a.wait_connected(kPatience));
  ASSERT_TRUE(b.wait_connected(kPatience));
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  const Cache in_b = open_cache(b, "c", {}, origin.loader());
  EXPECT_EQ(in_a.owner_of("k"), in_b.owner_of("k"));
}

class ThreeNodes : public ::testing::TestWithParam<int> {
 protected:
  Origin origin_;
  testing::LocalCluster cluster_ = start_cluster(3, {.loops = GetParam()});
};
INSTANTIATE_TEST_SUITE_P(Loops, ThreeNodes, ::testing::Values(1, 2));

TEST_P(ThreeNodes, FillEachKeyOnce) {
  const auto caches = open_everywhere(cluster_, "c", {}, origin_.loader());
  for (int i = 0; i < 60; ++i) {
    const std::string key = "key" + std::to_string(i);
    for (const Cache& cache : caches) EXPECT_EQ(text_of(cache.get(key, patient())), key + "!");
  }
  EXPECT_EQ(origin_.loads(), 60);
}

TEST_P(ThreeNodes, WithManyCallersAtOnceFillEachKeyOnce) {
  const auto caches = open_everywhere(cluster_, "c", {}, origin_.loader());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < 9; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 100; ++i) {
        const std::string key = "key" + std::to_string(i);
        if (text_of(caches[caller % 3].get(key, patient())) != key + "!") ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(origin_.loads("key" + std::to_string(i)), 1) << i;
}

TEST_P(ThreeNodes, OfALoadUnderWayAreAllAnsweredByIt) {
  KeptReplies kept;
  const auto caches = open_everywhere(cluster_, "c", {}, kept.loader());
  std::vector<Asked> asked;
  for (const Cache& cache : caches) {
    for (int i = 0; i < 5; ++i) asked.emplace_back(cache, "k");
  }
  kept.wait().second("once");
  for (const Asked& each : asked) EXPECT_EQ(text_of(each.wait()), "once");
  EXPECT_EQ(kept.count(), 1u);
}

TEST_P(ThreeNodes, AgreeOnTheOwnerWhichAloneKeepsACoherentKey) {
  const auto caches = open_everywhere(cluster_, "c", {}, origin_.loader());
  const std::string key = key_owned_by(cluster_.node(2), caches[0]);
  for (const Cache& cache : caches) {
    EXPECT_EQ(cache.owner_of(key), cluster_.node(2).address());
    ASSERT_TRUE(cache.get(key, patient()));
  }
  EXPECT_FALSE(caches[0].contains_local(key));
  EXPECT_FALSE(caches[1].contains_local(key));
  EXPECT_TRUE(caches[2].contains_local(key));
}

class Sources : public ::testing::Test {
 protected:
  Source source(const Cache& cache, std::string_view key) {
    const auto answer = cache.fetch(key, patient());
    EXPECT_EQ(text_of(answer), Origin::value_of(key));
    return answer->source;
  }
  Origin origin_;
  testing::LocalCluster cluster_ = start_cluster(2);
};

TEST_F(Sources, OfACoherentKeyAreOriginThenThePeerAndForTheOwnerLocal) {
  const auto caches = open_everywhere(cluster_, "c", {}, origin_.loader());
  const std::string key = key_owned_by(cluster_.node(1), caches[0]);
  EXPECT_EQ(source(caches[0], key), Source::origin);
  EXPECT_EQ(source(caches[0], key), Source::peer);
  EXPECT_EQ(source(caches[0], key), Source::peer);
  EXPECT_EQ(source(caches[1], key), Source::local);
}

TEST_F(Sources, OfAnImmutableKeyAreOriginThenTheMirror) {
  const auto caches =
      open_everywhere(cluster_, "c", {.coherence = Coherence::immutable}, origin_.loader());
  const std::string key = key_owned_by(cluster_.node(1), caches[0]);
  EXPECT_EQ(source(caches[0], key), Source::origin);
  EXPECT_EQ(source(caches[0], key), Source::mirror);
  EXPECT_EQ(source(caches[1], key), Source::local);
  EXPECT_TRUE(caches[0].contains_local(key));
}

TEST_F(Sources, OfAnImmutableKeyThatItsOwnerHasArePeerThenTheMirror) {
  const auto caches =
      open_everywhere(cluster_, "c", {.coherence = Coherence::immutable}, origin_.loader());
  const std::string key = key_owned_by(cluster_.node(1), caches[0]);
  EXPECT_EQ(source(caches[1], key), Source::origin);
  EXPECT_EQ(source(caches[0], key), Source::peer);
  EXPECT_EQ(source(caches[0], key), Source::mirror);
}

TEST_F(Sources, AreCountedOnTheNodeOfTheCaller) {
  const auto caches = open_everywhere(cluster_, "c", {}, origin_.loader());
  const std::string key = key_owned_by(cluster_.node(1), caches[0]);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(caches[0].get(key, patient()));
  EXPECT_EQ(caches[0].stats().gets_origin, 1u);
  EXPECT_EQ(caches[0].stats().gets_peer, 2u);
  EXPECT_EQ(caches[0].stats().loads, 0u);
  EXPECT_EQ(caches[1].stats().loads, 1u);
  EXPECT_EQ(caches[1].stats().served, 3u);
}

TEST_F(Sources, OfAKeyNotFoundTravel) {
  const auto caches = open_everywhere(cluster_, "c", {},
                                      [](const LoadRequest&) -> LoadResult { return NotFound{}; });
  EXPECT_EQ(text_of(caches[0].get(key_owned_by(cluster_.node(1), caches[0]), patient())),
            "nothing");
}

TEST_F(Sources, OfACacheTheOwnerHasNotOpenedAreItsStandIn) {
  const Cache cache = open_cache(cluster_.node(0), "only-here", {}, origin_.loader());
  EXPECT_EQ(source(cache, key_owned_by(cluster_.node(1), cache)), Source::origin);
}

// Peers

TEST(Peers, AreSelfAndReachable) {
  auto cluster = start_cluster(2);
  const std::string self = cluster.node(0).address();
  const std::string other = cluster.node(1).address();
  EXPECT_EQ(cluster.node(0).peers().size(), 2u);
  EXPECT_EQ(state_of(cluster.node(0), self), PeerStatus::State::self);
  EXPECT_EQ(state_of(cluster.node(0), other), PeerStatus::State::reachable);
}

TEST(Peers, AreUnreachableWhenNobodyListens) {
  Node node = start_node();
  const std::string dead = dead_address();
  ASSERT_TRUE(node.set_peers({dead}));
  EXPECT_TRUE(becomes(node, dead, PeerStatus::State::unreachable));
}

TEST(Peers, AreUnreachableAfterTheyStopped) {
  auto cluster = start_cluster(2);
  const std::string other = cluster.node(1).address();
  cluster.stop(1);
  EXPECT_TRUE(becomes(cluster.node(0), other, PeerStatus::State::unreachable));
}

TEST(Peers, AreReachableAgainWhenTheyAreBack) {
  auto cluster = start_cluster(2);
  const std::string other = cluster.node(1).address();
  cluster.stop(1);
  ASSERT_TRUE(becomes(cluster.node(0), other, PeerStatus::State::unreachable));
  Node again = start_node({.listen = other, .peers = {cluster.node(0).address()}});
  EXPECT_TRUE(becomes(cluster.node(0), other, PeerStatus::State::reachable));
}

TEST(Peers, KeepWeightAndZone) {
  Node node = start_node({.weight = 3, .zone = "north"});
  const std::string dead = dead_address();
  ASSERT_TRUE(node.add_peer(Peer(dead, 7, "south")));
  for (const PeerStatus& status : node.peers()) {
    const bool self = status.peer.address == node.address();
    EXPECT_EQ(status.peer.weight, self ? 3u : 7u);
    EXPECT_EQ(status.peer.zone, self ? "north" : "south");
  }
}

TEST(Peers, AddedTwiceAreReplaced) {
  Node node = start_node();
  const std::string dead = dead_address();
  ASSERT_TRUE(node.add_peer(Peer(dead, 1)));
  ASSERT_TRUE(node.add_peer(Peer(dead, 5)));
  EXPECT_EQ(node.peers().size(), 2u);
}

TEST(Peers, MayContainTheNodeItself) {
  Node node = start_node();
  ASSERT_TRUE(node.set_peers({node.address()}));
  EXPECT_EQ(node.peers().size(), 1u);
}

TEST(Peers, ThatAreWrongChangeNothing) {
  Node node = start_node();
  const auto wrong = node.set_peers({"127.0.0.1:1", "nowhere"});
  EXPECT_EQ(code_of(wrong), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(wrong), HasSubstr("peers[1].address"));
  EXPECT_EQ(node.peers().size(), 1u);
}

TEST(Peers, OfANodeThatDoesNotListenAreRefused) {
  Node node = start_node({.listen = ""});
  EXPECT_EQ(code_of(node.set_peers({"127.0.0.1:1"})), ErrorCode::invalid_argument);
  const auto added = node.add_peer("127.0.0.1:1");
  EXPECT_EQ(code_of(added), ErrorCode::invalid_argument);
  EXPECT_THAT(message_of(added), HasSubstr("listen"));
}

TEST(Peers, RemovedThatNobodyKnowsAreNotFound) {
  Node node = start_node();
  EXPECT_EQ(code_of(node.remove_peer("127.0.0.1:1")), ErrorCode::not_found);
}

TEST(WaitConnected, TimesOutNamingThePeerThatIsMissing) {
  Node node = start_node();
  const std::string dead = dead_address();
  ASSERT_TRUE(node.set_peers({dead}));
  const auto waited = node.wait_connected(milliseconds(20));
  EXPECT_EQ(code_of(waited), ErrorCode::timed_out);
  EXPECT_THAT(message_of(waited), HasSubstr(dead));
}

TEST(WaitConnected, WithoutBoundWaits) {
  Node a = start_node();
  Node b = start_node({.peers = {a.address()}});
  EXPECT_TRUE(b.wait_connected(Duration::max()));
}

// Changes while requests run

/// Gets of all keys from some threads until stopped; collects what did not end well.
class Traffic {
 public:
  Traffic(const std::vector<Cache>& caches, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, cache = caches[static_cast<std::size_t>(i) % caches.size()], i] {
        for (int n = 0; !stop_ && n < 20'000; ++n) {
          const std::string key = "key" + std::to_string((n * 7 + i) % 997);
          const Asked asked(cache, key);
          const std::string text = text_of(asked.wait());
          if (text != key + "!") complain(text);
          if (asked.times_called() != 1) complain("called more than once");
          ++gets_;
        }
      });
    }
  }
  ~Traffic() { (void)end(); }

  int gets() const { return gets_; }
  std::vector<std::string> end() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    MutexLock lock(&mutex_);
    return complaints_;
  }

 private:
  void complain(std::string what) {
    MutexLock lock(&mutex_);
    if (complaints_.size() < 10) complaints_.push_back(std::move(what));
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> gets_ = 0;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
};

/// A loader whose values are forgotten at once, so that every get travels.
Loader forgetful_loader() {
  return [](const LoadRequest& request) -> LoadResult {
    return Loaded{Value::adopt(Origin::value_of(request.key)), milliseconds(1)};
  };
}

TEST(ChangingPeers, WhileRequestsRunLosesNone) {
  auto cluster = start_cluster(3);
  const auto caches = open_everywhere(cluster, "c", {.early_refresh = 0}, forgetful_loader());
  Traffic traffic(caches, 4);
  for (int round = 0; round < 12; ++round) {
    const int before = traffic.gets();
    const std::string leaver = cluster.node(2).address();
    ASSERT_TRUE(cluster.node(0).remove_peer(leaver));
    ASSERT_TRUE(cluster.node(1).set_peers({cluster.node(0).address()}));
    EXPECT_TRUE(eventually([&] { return traffic.gets() > before + 20; }));
    ASSERT_TRUE(cluster.node(0).add_peer(leaver));
    ASSERT_TRUE(cluster.node(1).set_peers({cluster.node(0).address(), leaver}));
    EXPECT_TRUE(eventually([&] { return traffic.gets() > before + 40; }));
  }
  EXPECT_THAT(traffic.end(), IsEmpty());
}

TEST(ChangingPeers, ARequestToARemovedNodeStillCompletes) {
  auto cluster = start_cluster(2);
  KeptReplies kept;
  const auto caches = open_everywhere(cluster, "c", {}, kept.loader());
  const Asked asked(caches[0], key_owned_by(cluster.node(1), caches[0]));
  const LoadReply reply = kept.wait().second;
  ASSERT_TRUE(cluster.node(0).set_peers({}));
  reply("still");
  EXPECT_EQ(text_of(asked.wait()), "still");
}

TEST(ChangingPeers, ANodeThatStopsWhileRequestsRunLosesNone) {
  auto cluster = start_cluster(3);
  const auto caches = open_everywhere(cluster, "c", {.early_refresh = 0}, forgetful_loader());
  Traffic traffic({caches[0], caches[1]}, 4);
  ASSERT_TRUE(eventually([&] { return traffic.gets() > 100; }));
  cluster.stop(2);
  const int after = traffic.gets();
  EXPECT_TRUE(eventually([&] { return traffic.gets() > after + 200; }));
  EXPECT_THAT(traffic.end(), IsEmpty());
}

}  // namespace
}  // namespace kith::api
