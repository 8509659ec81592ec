// SPDX-License-Identifier: Apache-2.0
// How core::Node puts its parts together. The protocol between nodes is the simulator's to test.
#include "core/node/node.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace kith::core {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000s};
const NodeId kPeer = node_id("b:1");

class NodeTest : public testing::Test {
 protected:
  NodeTest() {
    const auto view = placement::View::build({{"a:1"}});
    node_.open_cache("one", {}, store_one_, tenure_, view);
    node_.open_cache("two", {}, store_two_, tenure_, view);
  }
  void get(const std::string& cache, const std::string& key, std::uint64_t ticket) {
    node_.on_get({fetch::Ticket{ticket}, cache_id(cache), KeyView::of(key), kNow + 5s}, kNow, out_);
  }
  template <class T>
  T only() const {
    const T* found = nullptr;
    int count = 0;
    for (const auto& action : out_) {
      if (const auto* match = std::get_if<T>(&action)) {
        found = match;
        ++count;
      }
    }
    EXPECT_EQ(count, 1);
    return found == nullptr ? T{} : *found;
  }

  Marks marks_;
  Tenure tenure_;
  store::Store store_one_{{}};
  store::Store store_two_{{}};
  Node node_{NodeOptions{.name = "a:1", .boot = BootId{5}, .seed = 1, .slice = 3}, marks_};
  fetch::Actions out_;
};

TEST_F(NodeTest, AloneItOwnsEverything) {
  get("one", "k", 1);
  const auto load = only<fetch::StartLoad>();
  EXPECT_EQ(load.cache, cache_id("one"));
  node_.on_loaded(load.load, fetch::LoadedValue{Value::copy_of("v"), {}, nullptr}, kNow, out_);
  EXPECT_EQ(only<fetch::Complete>().result->value->view(), "v");
  EXPECT_TRUE(node_.idle());
}

TEST_F(NodeTest, CachesDoNotShareKeys) {
  get("one", "k", 1);
  const auto load = only<fetch::StartLoad>();
  node_.on_loaded(load.load, fetch::LoadedValue{Value::copy_of("v"), {}, nullptr}, kNow, out_);
  out_.clear();
  get("two", "k", 2);
  EXPECT_EQ(only<fetch::StartLoad>().cache, cache_id("two"));
}

TEST_F(NodeTest, IdsTellTheLoopApart) {
  get("two", "k", 1);
  EXPECT_EQ(slice_of_id(only<fetch::StartLoad>().load.value), 3);
}

TEST_F(NodeTest, UnknownCacheIsRefusedByName) {
  wire::peer::Get get;
  get.request = 8;
  get.budget_us = 1000;
  get.cache = cache_id("never opened");
  get.key = "k";
  node_.on_message(kPeer, get, kNow, out_);
  const auto reply = std::get<wire::peer::NotOwner>(only<fetch::Send>().message);
  EXPECT_EQ(reply.reason, wire::peer::NotOwner::Reason::unknown_cache);
  EXPECT_EQ(reply.request, 8u);
}

TEST_F(NodeTest, MessagesThatCameTogetherAreAnsweredInTheirOrder) {
  const auto put = [](store::Store& store, std::string_view key) {
    Entry entry;
    entry.value = Value::copy_of(key);
    store.put(KeyView::of(key), entry, kNow);
  };
  put(store_one_, "a");
  put(store_one_, "b");
  put(store_two_, "a");
  const auto ask = [](std::uint64_t request, std::string_view cache, std::string_view key) {
    wire::peer::Get get;
    get.request = request;
    get.budget_us = 1000;
    get.cache = cache_id(cache);
    get.key = key;
    return get;
  };
  const std::vector<wire::peer::Message> messages = {
      ask(1, "one", "a"), ask(2, "one", "b"),          wire::peer::Ping{3},
      ask(4, "two", "a"), ask(5, "never opened", "a"), ask(6, "one", "missing"),
      ask(7, "one", "b"),
  };

  node_.on_messages(kPeer, messages, kNow, out_);

  std::vector<std::string> story;
  for (const fetch::Action& action : out_) {
    const auto* send = std::get_if<fetch::Send>(&action);
    if (send == nullptr) {
      story.emplace_back("load");
    } else if (const auto* value = std::get_if<wire::peer::ValueReply>(&send->message)) {
      story.push_back(std::to_string(value->request) + value->value.to_string());
    } else if (std::holds_alternative<wire::peer::Pong>(send->message)) {
      story.emplace_back("pong");
    } else if (std::holds_alternative<wire::peer::NotOwner>(send->message)) {
      story.emplace_back("unknown");
    }
  }
  EXPECT_EQ(story, (std::vector<std::string>{"1a", "2b", "pong", "4a", "unknown", "load", "7b"}));
}

TEST_F(NodeTest, PingIsAnswered) {
  node_.on_message(kPeer, wire::peer::Ping{4}, kNow, out_);
  EXPECT_EQ(std::get<wire::peer::Pong>(only<fetch::Send>().message).request, 4u);
}

TEST_F(NodeTest, AViewIsOneCachesOwn) {
  node_.on_peers({&kPeer, 1}, kNow);
  node_.on_link_up(kPeer, kNow, out_);
  node_.on_view(cache_id("one"), placement::View::build({{"b:1"}}));
  get("one", "k", 1);
  EXPECT_EQ(only<fetch::Send>().to, kPeer);
  out_.clear();
  get("two", "k", 2);
  EXPECT_EQ(only<fetch::StartLoad>().cache, cache_id("two"));
}

TEST_F(NodeTest, WhoOwnsNothingAsksAndLoadsOnlyWhenNobodyAnswers) {
  node_.on_view(cache_id("one"), placement::View::build({{"b:1"}, {"c:1"}}));
  get("one", "k", 1);
  EXPECT_EQ(only<fetch::StartLoad>().cache, cache_id("one")) << "no peer is reachable";
}

TEST_F(NodeTest, AClosedCacheEndsItsRequestsAndIsUnknown) {
  const auto counted = node_.statistics(cache_id("one"));
  get("one", "k", 1);
  get("two", "k", 2);
  const auto load = std::get<fetch::StartLoad>(out_.front());
  out_.clear();
  node_.close_cache(cache_id("one"), kNow, out_);
  EXPECT_EQ(only<fetch::Complete>().ticket, fetch::Ticket{1});
  EXPECT_EQ(only<fetch::Complete>().result.error().code, ErrorCode::cancelled);
  EXPECT_EQ(counted->loads.get(), 1u) << "the counters stay readable";
  out_.clear();
  node_.on_loaded(load.load, fetch::LoadedNothing{}, kNow, out_);
  node_.on_withdraw(cache_id("one"), fetch::Ticket{1}, kNow, out_);
  node_.on_view(cache_id("one"), placement::View::build({{"b:1"}}));
  EXPECT_TRUE(out_.empty());
  EXPECT_FALSE(node_.idle()) << "the other cache goes on";
  // It may be opened again, and is another cache then.
  node_.open_cache("one", {}, store_one_, tenure_, placement::View::build({{"a:1"}}));
  get("one", "k", 3);
  EXPECT_NE(only<fetch::StartLoad>().load, load.load);
}

TEST_F(NodeTest, ForgedIdsAreIgnored) {
  wire::peer::Miss miss;
  miss.request = 0xffff'0000'0000'0001;
  node_.on_message(kPeer, miss, kNow, out_);
  node_.on_loaded(fetch::LoadId{0xffff'0000'0000'0001}, fetch::LoadedNothing{}, kNow, out_);
  node_.on_message(kPeer, wire::peer::Hello{}, kNow, out_);
  EXPECT_TRUE(out_.empty());
}

TEST_F(NodeTest, SilentPeersLinkIsDroppedAndItsRequestsGoElsewhere) {
  const auto view = placement::View::build({{"a:1"}, {"b:1"}});
  node_.on_peers({&kPeer, 1}, kNow);
  node_.on_view(cache_id("one"), view);
  node_.on_link_up(kPeer, kNow, out_);
  std::string key = "k";
  while (view->owner(KeyView::of(key).slot()) != kPeer) key += 'k';
  get("one", key, 1);
  EXPECT_EQ(node_.requests_to(kPeer), 1u);
  out_.clear();
  for (TimePoint now = kNow; now < kNow + 2s; now += 50ms) node_.on_deadline(now, out_);
  EXPECT_EQ(only<fetch::DropLink>().node, kPeer);
  EXPECT_FALSE(only<fetch::PeerChanged>().reachable);
  EXPECT_EQ(only<fetch::StartLoad>().key.bytes.view(), key) << "this node is the stand-in";
  EXPECT_EQ(node_.requests_to(kPeer), 0u);
}

}  // namespace
}  // namespace kith::core
