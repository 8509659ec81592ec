// SPDX-License-Identifier: Apache-2.0
//
// The cluster above memberlist's wire, on loopback.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "core/membership/cluster/cluster.h"
#include "edge/driver/gossip.h"
#include "edge/driver/testing_kit.h"

namespace kith::edge {
namespace {

namespace m = membership;

using std::chrono::seconds;
using ClusterGossip = GossipDriver<m::Cluster, m::ClusterActions>;

class ClusterNode {
 public:
  explicit ClusterNode(const std::string& name, const std::string& cluster = "default") {
    GossipHost::Options host{.listen = "127.0.0.1:0",
                             .log = [this](Severity, std::string_view line) {
                               MutexLock lock(&mutex_);
                               log_.emplace_back(line);
                             }};
    auto started = ClusterGossip::start(
        {.host = std::move(host),
         .on_event = [this](const m::Cluster&, const m::ClusterAction& action) { note(action); }},
        [&](const m::Address& address, std::size_t overhead, TimePoint now) {
          m::ClusterOptions options;
          options.membership.name = name;
          options.membership.address = address;
          options.membership.packet_overhead = overhead;
          options.membership.profile = quick_profile();
          options.cluster = cluster;
          options.boot = BootId{1};
          options.data_port = 7400;
          options.phase = m::Phase::ready;
          return std::make_unique<m::Cluster>(options, now);
        });
    EXPECT_TRUE(started) << started.error();
    gossip_ = *std::move(started);
  }
  ~ClusterNode() { gossip_.reset(); }

  ClusterGossip& gossip() { return *gossip_; }
  void seed(const ClusterNode& other) {
    gossip_->post([seed = other.gossip_->address()](m::Cluster& cluster, TimePoint now,
                                                    m::ClusterActions& out) {
      cluster.on_seeds(std::span(&seed, 1), now, out);
    });
  }
  void open_cache(std::string_view name) {
    const auto opened =
        gossip_->ask([&](m::Cluster& cluster, TimePoint now, m::ClusterActions& out) {
          return cluster.open_cache(cache_id(name), now, out);
        });
    EXPECT_TRUE(opened && *opened);
  }
  /// "a b": who shares the cache's keys, as this node was told last.
  std::string participants(std::string_view cache) {
    MutexLock lock(&mutex_);
    return participants_[cache_id(cache)];
  }
  bool logged(std::string_view text) {
    MutexLock lock(&mutex_);
    return std::any_of(log_.begin(), log_.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

 private:
  void note(const m::ClusterAction& action) {
    const auto* told = std::get_if<m::Participants>(&action);
    if (told == nullptr) return;
    std::string names;
    for (const auto& member : told->members) names += (names.empty() ? "" : " ") + member.name;
    MutexLock lock(&mutex_);
    participants_[told->cache] = std::move(names);
  }

  Mutex mutex_;
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::map<CacheId, std::string> participants_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ClusterGossip> gossip_;
};

TEST(GossipClusterTest, NodesThatOpenedACacheShareItsKeys) {
  ClusterNode a("a");
  ClusterNode b("b");
  auto c = std::make_unique<ClusterNode>("c");
  b.seed(a);
  c->seed(a);
  for (ClusterNode* node : {&a, &b, c.get()}) node->open_cache("images");
  a.open_cache("pages");
  for (ClusterNode* node : {&a, &b, c.get()}) {
    EXPECT_TRUE(eventually([&] { return node->participants("images") == "a b c"; }));
  }
  EXPECT_TRUE(eventually([&] { return a.participants("pages") == "a"; }));

  // Without a word.
  c.reset();
  for (ClusterNode* node : {&a, &b}) {
    EXPECT_TRUE(eventually([&] { return node->participants("images") == "a b"; }));
  }
  // And with one.
  b.gossip().leave(seconds(10), [] {});
  EXPECT_TRUE(eventually([&] { return a.participants("images") == "a"; }));
}

TEST(GossipClusterTest, NodesOfAnotherClusterAreRefusedAndTheLogSaysSo) {
  ClusterNode a("a", "one");
  ClusterNode b("b", "two");
  b.seed(a);
  EXPECT_TRUE(eventually([&] { return a.logged("and is refused") || b.logged("and is refused"); }));
  EXPECT_EQ(a.gossip().members()->size(), 1u);
  EXPECT_EQ(b.gossip().members()->size(), 1u);
}

}  // namespace
}  // namespace kith::edge
