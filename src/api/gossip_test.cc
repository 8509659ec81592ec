// SPDX-License-Identifier: Apache-2.0
// Nodes that find each other by gossip, on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "api/testing_kit.h"
#include "base/mutex.h"

namespace kith::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kKeyA = "MDEyMzQ1Njc4OWFiY2RlZg==";
constexpr std::string_view kKeyB = "ZmVkY2JhOTg3NjU0MzIxMA==";

/// What a listener heard: "joined b", "view_changed c: a b".
class Story {
 public:
  MemberListener listener() const {
    return [shared = shared_](const MemberEvent& event) {
      std::string line = std::string(to_string(event.kind)) + " ";
      if (event.kind == MemberEvent::Kind::view_changed) {
        line += event.cache + ":";
        for (const std::string& owner : event.owners) line += " " + owner;
      } else {
        line += event.member.name;
      }
      MutexLock lock(&shared->mutex);
      shared->lines.push_back(std::move(line));
    };
  }
  std::vector<std::string> lines() const {
    MutexLock lock(&shared_->mutex);
    return shared_->lines;
  }
  bool has(const std::string& line) const { return std::ranges::count(lines(), line) > 0; }

 private:
  struct Shared {
    Mutex mutex;
    std::vector<std::string> lines ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

struct Setup {
  std::string name;
  std::vector<std::string> seeds = {};
  std::vector<std::string> keys = {};
  std::string cluster = "kith";
  MemberListener listener = {};
  LogSink log = {};
};

Node start(Setup setup) {
  NodeOptions options;
  options.name = std::move(setup.name);
  options.stop_grace = milliseconds(500);
  options.log = std::move(setup.log);
  options.on_member_event = std::move(setup.listener);
  options.gossip.emplace();
  options.gossip->seeds = std::move(setup.seeds);
  options.gossip->keys = std::move(setup.keys);
  options.gossip->cluster = std::move(setup.cluster);
  options.gossip->alone_after = milliseconds(500);
  return start_node(std::move(options));
}

std::string health_of(const Node& node, std::string_view name) {
  const auto members = node.members();
  if (!members) return "error: " + members.error().message;
  for (const Member& member : *members) {
    if (member.name == name) return std::string(to_string(member.health));
  }
  return "unknown";
}

/// "a:self b:reachable"
std::string peers_of(const Node& node) {
  std::vector<std::string> names;
  for (const PeerStatus& status : node.peers()) {
    names.push_back(status.name + ":" + std::string(to_string(status.state)));
  }
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

/// Who owns some of many keys.
std::vector<std::string> owners_of(const Cache& cache) {
  std::vector<std::string> owners;
  for (int i = 0; i < 200; ++i) owners.push_back(cache.owner_of("key" + std::to_string(i)));
  std::ranges::sort(owners);
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
}

bool own(const Cache& cache, const std::vector<std::string>& names) {
  return eventually([&] { return owners_of(cache) == names; });
}

TEST(Gossip, NodesWithOneSeedShareTheKeysAndLoadEachOnce) {
  Origin origin;
  Node a = start({.name = "a"});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  Node c = start({.name = "c", .seeds = {a.gossip_address()}});
  std::vector<Cache> caches;
  for (Node* node : {&a, &b, &c}) caches.push_back(open_cache(*node, "c", {}, origin.loader()));
  for (const Cache& cache : caches) EXPECT_TRUE(own(cache, {"a", "b", "c"}));
  for (Node* node : {&a, &b, &c}) EXPECT_TRUE(node->wait_connected(kPatience));
  EXPECT_EQ(peers_of(a), "a:self b:reachable c:reachable");
  EXPECT_EQ(health_of(a, "b"), "ok");

  constexpr int kKeys = 60;
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = "key" + std::to_string(i);
    for (const Cache& cache : caches) EXPECT_EQ(text_of(cache.get(key, patient())), key + "!");
  }
  EXPECT_EQ(origin.loads(), kKeys);
}

TEST(Gossip, ACachesKeysAreSharedByWhoOpenedIt) {
  Origin origin;
  Story story;
  Node a = start({.name = "a", .listener = story.listener()});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  const Cache both_a = open_cache(a, "both", {}, origin.loader());
  const Cache both_b = open_cache(b, "both", {}, origin.loader());
  const Cache alone = open_cache(a, "alone", {}, origin.loader());
  EXPECT_TRUE(own(both_a, {"a", "b"}));
  EXPECT_TRUE(own(both_b, {"a", "b"}));
  EXPECT_EQ(owners_of(alone), std::vector<std::string>{"a"});
  EXPECT_TRUE(eventually([&] { return story.has("view_changed both: a b"); }));

  ASSERT_TRUE(b.close("both"));
  EXPECT_TRUE(own(both_a, {"a"}));
  EXPECT_EQ(text_of(both_a.get("k", patient())), "k!");
  EXPECT_FALSE(story.has("view_changed alone: a b"));
  EXPECT_EQ(health_of(a, "b"), "ok") << "it is a member nevertheless";
}

TEST(Gossip, WhoStopsLeavesAndTheOthersGoOn) {
  Origin origin;
  Story story;
  Node a = start({.name = "a", .listener = story.listener()});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  open_cache(b, "c", {}, origin.loader());
  EXPECT_TRUE(own(in_a, {"a", "b"}));
  b.stop();
  EXPECT_TRUE(own(in_a, {"a"}));
  EXPECT_TRUE(eventually([&] { return health_of(a, "b") == "left"; }));
  EXPECT_TRUE(eventually([&] { return story.has("left b"); }));
  EXPECT_EQ(text_of(in_a.get("k", patient())), "k!");
  EXPECT_EQ(code_of(b.members()), ErrorCode::cancelled);
}

TEST(Gossip, WhoDrainsOwnsNothingAndStillAnswers) {
  Origin origin;
  Node a = start({.name = "a"});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  const Cache in_b = open_cache(b, "c", {}, origin.loader());
  EXPECT_TRUE(own(in_a, {"a", "b"}));
  ASSERT_TRUE(b.drain());
  EXPECT_TRUE(own(in_a, {"a"}));
  EXPECT_TRUE(own(in_b, {"a"}));
  EXPECT_EQ(text_of(in_b.get("k", patient())), "k!");
}

TEST(Gossip, ANameMayComeBackAtAnotherAddress) {
  Origin origin;
  Node a = start({.name = "a"});
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  std::string before;
  {
    Node b = start({.name = "b", .seeds = {a.gossip_address()}});
    open_cache(b, "c", {}, origin.loader());
    EXPECT_TRUE(own(in_a, {"a", "b"}));
    before = b.address();
  }
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  ASSERT_NE(b.address(), before);
  const Cache in_b = open_cache(b, "c", {}, origin.loader());
  EXPECT_TRUE(own(in_a, {"a", "b"}));
  EXPECT_TRUE(eventually([&] { return peers_of(a) == "a:self b:reachable"; })) << peers_of(a);
  for (int i = 0; i < 20; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(text_of(in_a.get(key, patient())), key + "!");
  }
}

TEST(Gossip, APoolWithAKeyTakesOnlyWhoHasItAndChangesIt) {
  Origin origin;
  const std::string key(kKeyA);
  Node a = start({.name = "a", .keys = {key}});
  Node stranger = start({.name = "stranger", .seeds = {a.gossip_address()}});
  Node wrong =
      start({.name = "wrong", .seeds = {a.gossip_address()}, .keys = {std::string(kKeyB)}});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}, .keys = {key}});
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  open_cache(b, "c", {}, origin.loader());
  EXPECT_TRUE(own(in_a, {"a", "b"}));
  EXPECT_EQ(health_of(a, "stranger"), "unknown");
  EXPECT_EQ(health_of(a, "wrong"), "unknown");
  EXPECT_EQ(health_of(stranger, "a"), "unknown");

  EXPECT_EQ(code_of(a.use_gossip_key(kKeyB)), ErrorCode::not_found);
  EXPECT_EQ(code_of(a.add_gossip_key("no key")), ErrorCode::invalid_argument);
  for (Node* node : {&a, &b}) EXPECT_TRUE(node->add_gossip_key(kKeyB));
  for (Node* node : {&a, &b}) EXPECT_TRUE(node->use_gossip_key(kKeyB));
  EXPECT_EQ(code_of(a.remove_gossip_key(kKeyB)), ErrorCode::failed_precondition);
  for (Node* node : {&a, &b}) EXPECT_TRUE(node->remove_gossip_key(kKeyA));
  // Who has the new key finds them now.
  EXPECT_TRUE(eventually([&] { return health_of(a, "wrong") == "ok"; }));
  EXPECT_EQ(health_of(a, "b"), "ok");
}

TEST(Gossip, AnotherClusterIsRefused) {
  Mutex mutex;
  std::string log;
  const LogSink sink = [&](LogLevel, std::string_view line) {
    MutexLock lock(&mutex);
    log.append(line).append("\n");
  };
  Node a = start({.name = "a", .cluster = "one"});
  Node b = start({.name = "b", .seeds = {a.gossip_address()}, .cluster = "two", .log = sink});
  EXPECT_EQ(code_of(b.wait_connected(milliseconds(1))), ErrorCode::timed_out);
  EXPECT_TRUE(b.wait_connected(kPatience)) << "alone after a while";
  EXPECT_EQ(health_of(a, "b"), "unknown");
  EXPECT_EQ(health_of(b, "a"), "unknown");
  EXPECT_TRUE(eventually([&] {
    MutexLock lock(&mutex);
    return log.find("takes all keys for its own") != std::string::npos;
  }));
  b.stop();
}

TEST(Gossip, PeersAreNotToBeGivenByHand) {
  Node node = start({.name = "a"});
  EXPECT_EQ(code_of(node.set_peers({})), ErrorCode::failed_precondition);
  EXPECT_EQ(code_of(node.add_peer({"127.0.0.1:7400"})), ErrorCode::failed_precondition);
  EXPECT_EQ(code_of(node.remove_peer("127.0.0.1:7400")), ErrorCode::failed_precondition);
  Node plain = start_node();
  EXPECT_EQ(code_of(plain.members()), ErrorCode::failed_precondition);
  EXPECT_EQ(plain.gossip_address(), "");
  EXPECT_EQ(plain.name(), plain.address());
}

TEST(Gossip, AListenerThatThrowsOrCallsBackDoesNoHarm) {
  Origin origin;
  Node* self = nullptr;
  std::atomic<int> called = 0;
  Node a = start({.name = "a", .listener = [&](const MemberEvent&) {
                    if (self != nullptr) {
                      EXPECT_TRUE(self->members());
                    }
                    ++called;
                    throw std::string("not caught by its author");
                  }});
  self = &a;
  Node b = start({.name = "b", .seeds = {a.gossip_address()}});
  const Cache in_a = open_cache(a, "c", {}, origin.loader());
  open_cache(b, "c", {}, origin.loader());
  EXPECT_TRUE(own(in_a, {"a", "b"}));
  EXPECT_TRUE(eventually([&] { return called >= 3; }));
}

TEST(Gossip, OptionsThatAreNoGoodAreRefusedByName) {
  const auto message = [](auto change) {
    NodeOptions options;
    options.gossip.emplace();
    change(options);
    const auto node = Node::start(options);
    return node ? std::string("started") : node.error().message;
  };
  EXPECT_EQ(message([](NodeOptions&) {}), "started");
  EXPECT_THAT(message([](NodeOptions& o) { o.peers = {"127.0.0.1:7400"}; }), HasSubstr("peers"));
  EXPECT_THAT(message([](NodeOptions& o) { o.listen = ""; }), HasSubstr("listen"));
  EXPECT_THAT(message([](NodeOptions& o) { o.name = "a b"; }), HasSubstr("name"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->listen = "host"; }),
              HasSubstr("gossip.listen"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->listen = "localhost:0"; }),
              HasSubstr("gossip"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->listen = "0.0.0.0:0"; }),
              HasSubstr("gossip.advertise"));
  EXPECT_THAT(message([](NodeOptions& o) {
                o.gossip->listen = "0.0.0.0:0";
                o.gossip->advertise = "192.0.2.1:0";
              }),
              HasSubstr("gossip key"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->cluster = ""; }), HasSubstr("gossip.cluster"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->seeds = {"nowhere"}; }),
              HasSubstr("gossip.seeds"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->keys = {"short"}; }),
              HasSubstr("gossip.keys"));
  EXPECT_THAT(message([](NodeOptions& o) { o.gossip->alone_after = seconds(-1); }),
              HasSubstr("gossip.alone_after"));
  NodeOptions named;
  named.name = "a";
  EXPECT_EQ(code_of(Node::start(named)), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace kith::api
