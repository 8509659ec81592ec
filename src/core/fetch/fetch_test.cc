// SPDX-License-Identifier: Apache-2.0
// The miss path of one cache at one node, event by event. What only shows between nodes is tested
// in the simulator.
#include "core/fetch/fetch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "core/fetch/actions.h"
#include "wire/peer/codec.h"

namespace kith::fetch {
namespace {

using namespace std::chrono_literals;
using wire::peer::Busy;
using wire::peer::Cancel;
using wire::peer::Failure;
using wire::peer::Get;
using wire::peer::Miss;
using wire::peer::NotOwner;
using wire::peer::ValueReply;

constexpr TimePoint kNow{1000s};
const std::string kSelf = "a:1";

class MapStorage final : public Storage {
 public:
  std::optional<Entry> get(KeyView key, TimePoint now) override {
    const auto found = entries.find(std::string(key.bytes));
    if (found == entries.end() || found->second.expires <= now) return std::nullopt;
    return found->second;
  }
  std::optional<Entry> get_stale(KeyView key, TimePoint now) override {
    const auto found = entries.find(std::string(key.bytes));
    if (found == entries.end() || found->second.stale_until <= now) return std::nullopt;
    return found->second;
  }
  void get_many(std::span<const KeyView> keys, TimePoint now,
                std::span<std::optional<Entry>> found) override {
    for (std::size_t i = 0; i < keys.size(); ++i) found[i] = get(keys[i], now);
  }
  void put(KeyView key, Entry entry, TimePoint) override {
    entries[std::string(key.bytes)] = std::move(entry);
  }
  std::map<std::string, Entry> entries;
};

class FakeNeighbours final : public Neighbours {
 public:
  bool reachable(NodeId node) const override { return !unreachable.contains(node); }
  void request_sent(NodeId node, TimePoint) override { ++expecting[node]; }
  void request_ended(NodeId node) override { --expecting[node]; }
  std::set<NodeId> unreachable;
  std::map<NodeId, int> expecting;
};

class FetchTest : public testing::Test {
 protected:
  explicit FetchTest(Options options = {})
      : fetch_(CacheId{9}, 0, options, storage_, ownership_, world_) {}

  /// A key whose ranked nodes are these.
  static std::string key_with(std::initializer_list<std::string> ranks) {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      std::size_t rank = 0;
      bool fits = true;
      for (const auto& name : ranks) {
        fits = fits && view().ranked(KeyView::of(key).slot(), rank++) == node_id(name);
      }
      if (fits) return key;
    }
  }
  static const placement::View& view() { return *shared_view(); }
  static std::shared_ptr<const placement::View> shared_view() {
    static const auto view = placement::View::build({{kSelf}, {"b:1"}, {"c:1"}, {"d:1"}});
    return view;
  }

  void get(const std::string& key, std::uint64_t ticket, Duration timeout = 5s,
           TimePoint now = kNow) {
    fetch_.get(KeyView::of(key), Waiter::user(Ticket{ticket}, now + timeout, true), now, out_);
  }
  void serve(NodeId caller, const std::string& key, std::uint64_t request,
             void (*change)(Get&) = nullptr, TimePoint now = kNow) {
    Get get;
    get.request = request;
    get.budget_us = 5'000'000;
    get.cache = CacheId{9};
    get.key = key;
    if (change != nullptr) change(get);
    const Get* const one = &get;
    fetch_.serve(caller, std::span(&one, 1), now, out_);
  }
  static LoadOutcome value(std::string text, std::optional<Duration> ttl = {}) {
    return LoadedValue{Value::adopt(std::move(text)), ttl, nullptr};
  }

  /// The actions of one type since the last call of take(), in order.
  template <class T>
  std::vector<T> of_type() const {
    std::vector<T> result;
    for (const Action& action : out_) {
      if (const auto* match = std::get_if<T>(&action)) result.push_back(*match);
    }
    return result;
  }
  template <class M>
  std::vector<std::pair<NodeId, M>> sent() const {
    std::vector<std::pair<NodeId, M>> result;
    for (const auto& send : of_type<Send>()) {
      if (const auto* match = std::get_if<M>(&send.message)) result.emplace_back(send.to, *match);
    }
    return result;
  }
  StartLoad started() const {
    const auto loads = of_type<StartLoad>();
    EXPECT_EQ(loads.size(), 1u);
    return loads.empty() ? StartLoad{} : loads[0];
  }
  Result<Answer> completed(std::uint64_t ticket) const {
    for (const auto& complete : of_type<Complete>()) {
      if (complete.ticket == Ticket{ticket}) return complete.result;
    }
    return fail(ErrorCode::internal, "not completed");
  }
  std::size_t completions() const { return of_type<Complete>().size(); }

  MapStorage storage_;
  FakeNeighbours neighbours_;
  Rng rng_{1};
  Marks marks_;
  Tenure tenure_;
  Ownership ownership_{.view = shared_view(), .tenure = tenure_};
  Surroundings world_{.self = node_id(kSelf),
                      .boot = BootId{77},
                      .draining = false,
                      .neighbours = neighbours_,
                      .rng = rng_,
                      .marks = marks_};
  Fetch fetch_;
  Actions out_;
};

const NodeId kB = node_id("b:1");
const NodeId kC = node_id("c:1");

// --- The owner.

TEST_F(FetchTest, OwnerLoadsOnceForAllWhoAsk) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  get(key, 2);
  serve(kB, key, 3);
  const LoadId load = started().load;
  EXPECT_EQ(completions(), 0u);
  fetch_.on_loaded(load, value("v"), kNow + 10ms, out_);
  EXPECT_EQ(completed(1)->value->view(), "v");
  EXPECT_EQ(completed(2)->value->view(), "v");
  ASSERT_EQ(sent<ValueReply>().size(), 1u);
  EXPECT_EQ(sent<ValueReply>()[0].second.value.view(), "v");
  EXPECT_TRUE(sent<ValueReply>()[0].second.loaded);
  EXPECT_TRUE(fetch_.idle());
}

TEST_F(FetchTest, OwnerAnswersFromMemoryAfterwards) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  out_.clear();
  serve(kB, key, 3);
  ASSERT_EQ(sent<ValueReply>().size(), 1u);
  EXPECT_FALSE(sent<ValueReply>()[0].second.loaded);
  EXPECT_EQ(sent<ValueReply>()[0].second.ttl_ms, wire::peer::kNoTtl);
  EXPECT_TRUE(of_type<StartLoad>().empty());
}

TEST_F(FetchTest, StoredValueIsTheLoadersMemory) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  Value loaded = Value::copy_of("v");
  const std::byte* const memory = loaded.data();
  fetch_.on_loaded(started().load, LoadedValue{loaded, {}, nullptr}, kNow, out_);
  EXPECT_EQ(completed(1)->value->data(), memory);
  EXPECT_EQ(storage_.entries[key].value.data(), memory);
}

TEST_F(FetchTest, TagsAreKeptWithTheEntry) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  const auto tags = std::make_shared<const std::vector<std::string>>(1, "red");
  fetch_.on_loaded(started().load, LoadedValue{Value::copy_of("v"), {}, tags}, kNow, out_);
  ASSERT_NE(storage_.entries[key].tags, nullptr);
  EXPECT_EQ(storage_.entries[key].tags->front(), "red");
}

TEST_F(FetchTest, ErrorsAreNotCachedButHeldOff) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  fetch_.on_loaded(started().load, Error{ErrorCode::loader_failed, "boom", false}, kNow, out_);
  EXPECT_EQ(completed(1).error().message, "boom");
  out_.clear();
  get(key, 2, 5s, kNow + 10ms);
  EXPECT_EQ(completed(2).error().message, "boom");
  EXPECT_TRUE(of_type<StartLoad>().empty());
  out_.clear();
  get(key, 3, 5s, kNow + 201ms);
  EXPECT_EQ(of_type<StartLoad>().size(), 1u);
}

TEST_F(FetchTest, NotFoundIsRememberedForItsTime) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  fetch_.on_loaded(started().load, LoadedNothing{}, kNow, out_);
  EXPECT_FALSE(completed(1)->value.has_value());
  out_.clear();
  get(key, 2, 5s, kNow + 700ms);
  EXPECT_FALSE(completed(2)->value.has_value());
  EXPECT_TRUE(of_type<StartLoad>().empty());
  out_.clear();
  get(key, 3, 5s, kNow + 1201ms);
  EXPECT_EQ(of_type<StartLoad>().size(), 1u);
}

TEST_F(FetchTest, FailingLoadServesTheExpiredValueMarkedStale) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  fetch_.on_loaded(started().load, value("old", 1s), kNow, out_);
  out_.clear();
  get(key, 2, 5s, kNow + 2s);
  fetch_.on_loaded(started().load, Error{ErrorCode::loader_failed, "boom", false}, kNow + 2s, out_);
  EXPECT_EQ(completed(2)->value->view(), "old");
  EXPECT_TRUE(completed(2)->stale);
  out_.clear();
  get(key, 3, 5s, kNow + 2s + 10ms);  // held off, and still served
  EXPECT_TRUE(completed(3)->stale);
  out_.clear();
  get(key, 4, 5s, kNow + 32s);
  fetch_.on_loaded(started().load, Error{ErrorCode::loader_failed, "boom", false}, kNow + 32s,
                   out_);
  EXPECT_EQ(completed(4).error().code, ErrorCode::loader_failed);
}

TEST_F(FetchTest, OversizeValueIsAnErrorAndNothingIsLost) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  fetch_.on_loaded(started().load, value(std::string((8u << 20) + 1, 'x')), kNow, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::too_large);
  EXPECT_TRUE(storage_.entries.empty());
  EXPECT_TRUE(fetch_.idle());
}

TEST_F(FetchTest, LoaderThatNeverAnswersIsGivenUp) {
  const std::string key = key_with({kSelf});
  get(key, 1, 60s);
  const StartLoad load = started();
  EXPECT_EQ(load.deadline, kNow + 10s);
  fetch_.on_deadline(kNow + 10s, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::loader_failed);
  EXPECT_EQ(of_type<CancelLoad>().size(), 1u);
  EXPECT_TRUE(fetch_.idle());
  fetch_.on_loaded(load.load, value("late"), kNow + 11s, out_);
  EXPECT_EQ(fetch_.statistics()->loads_late_answers.get(), 1u);
  EXPECT_TRUE(storage_.entries.empty());
}

TEST_F(FetchTest, SecondAnswerIsIgnored) {
  const std::string key = key_with({kSelf});
  get(key, 1);
  const LoadId load = started().load;
  fetch_.on_loaded(load, value("first"), kNow, out_);
  fetch_.on_loaded(load, value("second"), kNow, out_);
  EXPECT_EQ(completions(), 1u);
  EXPECT_EQ(storage_.entries[key].value.view(), "first");
}

TEST_F(FetchTest, FirstCallerLeavingFailsNobodyElse) {
  const std::string key = key_with({kSelf});
  get(key, 1, 1s);
  get(key, 2, 5s);
  const LoadId load = started().load;
  fetch_.on_deadline(kNow + 1s, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::timed_out);
  EXPECT_TRUE(of_type<CancelLoad>().empty());
  fetch_.on_loaded(load, value("v"), kNow + 2s, out_);
  EXPECT_EQ(completed(2)->value->view(), "v");
}

TEST_F(FetchTest, LastCallerLeavingCancelsTheLoad) {
  const std::string key = key_with({kSelf});
  get(key, 1, 1s);
  serve(kB, key, 3);
  const LoadId load = started().load;
  fetch_.withdraw(Ticket{1}, kNow, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::cancelled);
  EXPECT_TRUE(of_type<CancelLoad>().empty());
  fetch_.cancel(kB, 3, kNow, out_);
  ASSERT_EQ(of_type<CancelLoad>().size(), 1u);
  EXPECT_EQ(of_type<CancelLoad>()[0].load, load);
  EXPECT_TRUE(fetch_.idle());
}

TEST_F(FetchTest, CallersOfALostConnectionNoLongerWait) {
  const std::string key = key_with({kSelf});
  serve(kB, key, 3);
  fetch_.on_caller_gone(kC, kNow, out_);
  EXPECT_TRUE(of_type<CancelLoad>().empty());
  fetch_.on_caller_gone(kB, kNow, out_);
  EXPECT_EQ(of_type<CancelLoad>().size(), 1u);
}

TEST_F(FetchTest, NonOwnerNamesTheOwnerInsteadOfForwarding) {
  const std::string key = key_with({"b:1"});
  serve(kC, key, 3);
  ASSERT_EQ(sent<NotOwner>().size(), 1u);
  EXPECT_EQ(sent<NotOwner>()[0].second.hint, kB);
  EXPECT_EQ(sent<NotOwner>()[0].second.view, view().id());
  EXPECT_TRUE(of_type<StartLoad>().empty());
}

TEST_F(FetchTest, StandInLoadsAndKeepsShortly) {
  const std::string key = key_with({"b:1", kSelf});
  serve(kC, key, 3, [](Get& get) { get.guest = true; });
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  EXPECT_TRUE(sent<ValueReply>()[0].second.guest);
  EXPECT_EQ(storage_.entries[key].holding, Holding::guest);
  EXPECT_LE(storage_.entries[key].expires, kNow + 2100ms);
}

TEST_F(FetchTest, RequestThatIsAlreadyTooLateStartsNothing) {
  serve(kB, key_with({kSelf}), 3, [](Get& get) { get.budget_us = 0; });
  EXPECT_TRUE(out_.empty());
}

TEST_F(FetchTest, RepeatedRequestIsAnsweredOnce) {
  const std::string key = key_with({kSelf});
  serve(kB, key, 3);
  serve(kB, key, 3);
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  EXPECT_EQ(sent<ValueReply>().size(), 1u);
}

TEST_F(FetchTest, NoLoadIsAnsweredFromMemoryOrNotAtAll) {
  const std::string key = key_with({kSelf});
  serve(kB, key, 3, [](Get& get) { get.no_load = true; });
  EXPECT_EQ(sent<Miss>().size(), 1u);
  EXPECT_TRUE(of_type<StartLoad>().empty());
}

TEST_F(FetchTest, DrainingNodeSendsOthersAway) {
  world_.draining = true;
  serve(kB, key_with({kSelf}), 3);
  ASSERT_EQ(sent<NotOwner>().size(), 1u);
  EXPECT_EQ(sent<NotOwner>()[0].second.reason, NotOwner::Reason::draining);
}

TEST_F(FetchTest, StopEndsEverything) {
  const std::string mine = key_with({kSelf});
  const std::string theirs = key_with({"b:1"});
  get(mine, 1);
  get(theirs, 2);
  serve(kC, mine, 3);
  fetch_.stop(kNow, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::cancelled);
  EXPECT_EQ(completed(2).error().code, ErrorCode::cancelled);
  EXPECT_EQ(sent<NotOwner>().size(), 1u);
  EXPECT_EQ(of_type<CancelLoad>().size(), 1u);
  EXPECT_TRUE(fetch_.idle());
}

// --- The asker.

TEST_F(FetchTest, AskerSendsOneRequestToTheOwner) {
  const std::string key = key_with({"b:1"});
  get(key, 1, 3s);
  ASSERT_EQ(sent<Get>().size(), 1u);
  EXPECT_EQ(sent<Get>()[0].first, kB);
  EXPECT_EQ(sent<Get>()[0].second.key, key);
  EXPECT_EQ(sent<Get>()[0].second.budget_us, 3'000'000u);
  EXPECT_EQ(neighbours_.expecting[kB], 1);
}

ValueReply reply_to(const Get& get, std::string text) {
  ValueReply reply;
  reply.request = get.request;
  reply.ttl_ms = wire::peer::kNoTtl;
  reply.value = Value::adopt(std::move(text));
  return reply;
}

TEST_F(FetchTest, LateCallersWaitForTheNextRequest) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  get(key, 2);
  get(key, 3);
  const Get first = sent<Get>()[0].second;
  EXPECT_EQ(sent<Get>().size(), 1u);
  fetch_.on_reply(kB, reply_to(first, "v1"), kNow, out_);
  EXPECT_EQ(completions(), 1u);
  ASSERT_EQ(sent<Get>().size(), 2u);
  const Get second = sent<Get>()[1].second;
  fetch_.on_reply(kB, reply_to(second, "v2"), kNow, out_);
  EXPECT_EQ(completed(2)->value->view(), "v2");
  EXPECT_EQ(completed(3)->value->view(), "v2");
  EXPECT_TRUE(fetch_.idle());
  EXPECT_EQ(neighbours_.expecting[kB], 0);
  EXPECT_TRUE(storage_.entries.empty()) << "a coherent cache keeps no copies yet";
}

TEST_F(FetchTest, ReplyFromSomebodyElseIsIgnored) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  fetch_.on_reply(kC, reply_to(sent<Get>()[0].second, "forged"), kNow, out_);
  EXPECT_EQ(completions(), 0u);
}

NotOwner not_owner(const Get& get, NodeId hint,
                   NotOwner::Reason reason = NotOwner::Reason::not_mine) {
  return NotOwner{get.request, reason, ViewId{5}, hint};
}

TEST_F(FetchTest, FollowsTwoRedirectsThenAsksTheStandIn) {
  const std::string key = key_with({"b:1", "c:1"});
  const NodeId d = node_id("d:1");
  get(key, 1);
  fetch_.on_reply(kB, not_owner(sent<Get>()[0].second, kC), kNow, out_);
  ASSERT_EQ(sent<Get>().size(), 2u);
  EXPECT_EQ(sent<Get>()[1].first, kC);
  EXPECT_EQ(sent<Get>()[1].second.hops, 1);
  fetch_.on_reply(kC, not_owner(sent<Get>()[1].second, d), kNow, out_);
  ASSERT_EQ(sent<Get>().size(), 3u);
  EXPECT_EQ(sent<Get>()[2].first, d);
  fetch_.on_reply(d, not_owner(sent<Get>()[2].second, kB), kNow, out_);
  ASSERT_EQ(sent<Get>().size(), 4u);
  EXPECT_EQ(sent<Get>()[3].first, kC) << "the next ranked node, as for everybody";
  EXPECT_TRUE(sent<Get>()[3].second.guest);
}

TEST_F(FetchTest, RedirectToItselfGoesToTheStandIn) {
  const std::string key = key_with({"b:1", "c:1"});
  get(key, 1);
  fetch_.on_reply(kB, not_owner(sent<Get>()[0].second, node_id(kSelf)), kNow, out_);
  ASSERT_EQ(sent<Get>().size(), 2u);
  EXPECT_EQ(sent<Get>()[1].first, kC);
  EXPECT_TRUE(sent<Get>()[1].second.guest);
}

TEST_F(FetchTest, NeverAsksANodeThatItDoesNotKnow) {
  const std::string key = key_with({"b:1", "c:1"});
  get(key, 1);
  fetch_.on_reply(kB, not_owner(sent<Get>()[0].second, node_id("evil:1")), kNow, out_);
  EXPECT_EQ(sent<Get>()[1].first, kC);
}

TEST_F(FetchTest, UnreachableOwnerIsReplacedAtOnce) {
  const std::string key = key_with({"b:1", "c:1"});
  get(key, 1);
  neighbours_.unreachable.insert(kB);
  fetch_.on_unreachable(kB, kNow, out_);
  ASSERT_EQ(sent<Get>().size(), 2u);
  EXPECT_EQ(sent<Get>()[1].first, kC);
  EXPECT_TRUE(sent<Get>()[1].second.guest);
  EXPECT_EQ(neighbours_.expecting[kB], 0);
}

TEST_F(FetchTest, StandsInItselfWhenItIsNext) {
  const std::string key = key_with({"b:1", kSelf});
  neighbours_.unreachable.insert(kB);
  get(key, 1);
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  EXPECT_EQ(completed(1)->value->view(), "v");
}

TEST_F(FetchTest, LoadsHereWhenNobodyIsLeft) {
  neighbours_.unreachable = {kB, kC, node_id("d:1")};
  get(key_with({"b:1", "c:1", "d:1"}), 1);
  started();
  EXPECT_EQ(marks_.count(Mark::ask_local_last_resort), 1u);
}

TEST_F(FetchTest, RefusalsEndInALoadHereAndNotInALoop) {
  const std::string key = key_with({"b:1", "c:1", "d:1"});
  get(key, 1);
  for (std::size_t i = 0; i < sent<Get>().size() && i < 20; ++i) {
    const auto [to, request] = sent<Get>()[i];
    fetch_.on_reply(to, not_owner(request, to, NotOwner::Reason::unknown_cache), kNow, out_);
  }
  EXPECT_EQ(sent<Get>().size(), 3u);
  started();
}

TEST_F(FetchTest, OwnersErrorIsDeliveredAndNotLoadedAgain) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  fetch_.on_reply(kB,
                  Failure{sent<Get>()[0].second.request, ErrorCode::loader_failed, false, "boom"},
                  kNow, out_);
  EXPECT_EQ(completed(1).error().message, "boom");
  EXPECT_TRUE(of_type<StartLoad>().empty());
}

TEST_F(FetchTest, BusyOwnerIsAskedAgainLater) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  fetch_.on_reply(kB, Busy{sent<Get>()[0].second.request, 20'000}, kNow, out_);
  EXPECT_EQ(sent<Get>().size(), 1u);
  EXPECT_EQ(fetch_.next_deadline(), kNow + 20ms);
  fetch_.on_deadline(kNow + 20ms, out_);
  EXPECT_EQ(sent<Get>().size(), 2u);
}

TEST_F(FetchTest, LastCallersTimeoutCancelsTheRequest) {
  const std::string key = key_with({"b:1"});
  get(key, 1, 1s);
  fetch_.on_deadline(kNow + 1s, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::timed_out);
  EXPECT_NE(completed(1).error().message.find("b:1"), std::string::npos);
  EXPECT_EQ(sent<Cancel>().size(), 1u);
  EXPECT_TRUE(fetch_.idle());
}

TEST_F(FetchTest, SecondGenerationGoesOnWhenTheFirstLeaves) {
  const std::string key = key_with({"b:1"});
  get(key, 1, 1s);
  get(key, 2, 5s);
  fetch_.on_deadline(kNow + 1s, out_);
  ASSERT_EQ(sent<Get>().size(), 2u);
  fetch_.on_reply(kB, reply_to(sent<Get>()[1].second, "v"), kNow + 2s, out_);
  EXPECT_EQ(completed(2)->value->view(), "v");
}

TEST_F(FetchTest, NextRequestGoesOutBeforeTheCancelOfTheLast) {
  const std::string key = key_with({"b:1"});
  get(key, 1, 1s);
  get(key, 2, 5s);
  fetch_.on_deadline(kNow + 1s, out_);
  std::vector<std::string_view> order;
  for (const Send& send : of_type<Send>()) order.push_back(wire::peer::name_of(send.message));
  EXPECT_EQ(order, (std::vector<std::string_view>{"Get", "Get", "Cancel"}))
      << "else the owner has nobody to load for, for a moment";
}

TEST_F(FetchTest, LooksIntoMemoryBeforeItLoadsInAnothersPlace) {
  const std::string key = key_with({"b:1", kSelf});
  get(key, 1);
  // Meanwhile this node stands in for others who noticed earlier that the owner is gone.
  serve(kC, key, 3, [](Get& get) { get.guest = true; });
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  neighbours_.unreachable.insert(kB);
  fetch_.on_unreachable(kB, kNow, out_);
  EXPECT_EQ(completed(1)->value->view(), "v");
  EXPECT_EQ(of_type<StartLoad>().size(), 1u);
}

TEST_F(FetchTest, RemoteCallerIsKeptAGraceBeyondItsBudget) {
  const std::string key = key_with({kSelf});
  serve(kB, key, 3, [](Get& get) { get.budget_us = 1'000'000; });
  fetch_.on_deadline(kNow + 1s, out_);
  EXPECT_TRUE(of_type<CancelLoad>().empty()) << "its request for others may be on the way";
  fetch_.on_deadline(kNow + 1100ms, out_);
  EXPECT_EQ(of_type<CancelLoad>().size(), 1u);
}

TEST_F(FetchTest, OthersJoinALoadOfAKeyThatIsNotOwned) {
  const std::string key = key_with({"b:1", kSelf});
  neighbours_.unreachable.insert(kB);
  get(key, 1);
  serve(kC, key, 3);
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  EXPECT_EQ(sent<ValueReply>().size(), 1u);
  EXPECT_TRUE(sent<NotOwner>().empty());
}

TEST_F(FetchTest, NotFoundOfAStandInIsRememberedShortly) {
  const std::string key = key_with({"b:1", kSelf});
  serve(kC, key, 3, [](Get& get) { get.guest = true; });
  fetch_.on_loaded(started().load, LoadedNothing{}, kNow, out_);
  EXPECT_LE(storage_.entries[key].expires, kNow + 2500ms);
}

// --- Immutable caches.

class ImmutableFetchTest : public FetchTest {
 protected:
  static Options immutable() {
    Options options;
    options.immutable = true;
    return options;
  }
  ImmutableFetchTest() : FetchTest(immutable()) {}
};

TEST_F(ImmutableFetchTest, LateCallersShareTheRequest) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  get(key, 2);
  fetch_.on_reply(kB, reply_to(sent<Get>()[0].second, "v"), kNow, out_);
  EXPECT_EQ(completions(), 2u);
  EXPECT_EQ(sent<Get>().size(), 1u);
}

TEST_F(ImmutableFetchTest, ReadersKeepACopyForAsLongAsTheOwnerSays) {
  const std::string key = key_with({"b:1"});
  get(key, 1);
  ValueReply reply = reply_to(sent<Get>()[0].second, "v");
  reply.ttl_ms = 5000;
  fetch_.on_reply(kB, reply, kNow + 10ms, out_);
  ASSERT_TRUE(storage_.entries.contains(key));
  EXPECT_EQ(storage_.entries[key].holding, Holding::mirror);
  EXPECT_EQ(storage_.entries[key].expires, kNow + 5s) << "counted from when the request left";
}

TEST_F(ImmutableFetchTest, JoinerWithMoreTimeOutlivesTheRequestItJoined) {
  const std::string key = key_with({"b:1"});
  get(key, 1, 1s);
  get(key, 2, 5s);
  fetch_.on_deadline(kNow + 1s, out_);
  EXPECT_EQ(completed(1).error().code, ErrorCode::timed_out);
  ASSERT_EQ(sent<Get>().size(), 2u) << "asked again for the one who still waits";
  fetch_.on_reply(kB, reply_to(sent<Get>()[1].second, "v"), kNow + 2s, out_);
  EXPECT_EQ(completed(2)->value->view(), "v");
}

TEST_F(ImmutableFetchTest, SlowOwnerIsHedgedWithinTheBudget) {
  const std::string key = key_with({"b:1", "c:1"});
  for (std::uint64_t i = 1; i <= 100; ++i) {
    get(key, i);
    fetch_.on_reply(kB, reply_to(sent<Get>().back().second, "v"), kNow + 100us, out_);
    storage_.entries.clear();
    out_.clear();
  }
  get(key, 200);
  fetch_.on_deadline(kNow + 10ms, out_);
  ASSERT_EQ(sent<Get>().size(), 2u);
  EXPECT_EQ(sent<Get>()[1].first, kC);
  EXPECT_TRUE(sent<Get>()[1].second.no_load) << "a hedge must never start a load";
  fetch_.on_reply(kC, reply_to(sent<Get>()[1].second, "v"), kNow + 11ms, out_);
  EXPECT_EQ(completed(200)->value->view(), "v");
  ASSERT_EQ(sent<Cancel>().size(), 1u);
  EXPECT_EQ(sent<Cancel>()[0].first, kB) << "the winner needs no cancel";
  EXPECT_EQ(neighbours_.expecting[kB], 0);
  EXPECT_EQ(neighbours_.expecting[kC], 0);
}

// --- Load limits.

class LimitedFetchTest : public FetchTest {
 protected:
  static Options limited() {
    Options options;
    options.max_concurrent_loads = 1;
    options.max_queued_loads = 1;
    return options;
  }
  LimitedFetchTest() : FetchTest(limited()) {}
  static std::vector<std::string> own_keys(std::size_t count) {
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < count; ++i) {
      std::string key = "own" + std::to_string(i);
      if (view().owner(KeyView::of(key).slot()) == node_id(kSelf)) keys.push_back(key);
    }
    return keys;
  }
};

TEST_F(LimitedFetchTest, LoadsWaitForTheirTurnAndTheRestIsRefused) {
  const auto keys = own_keys(4);
  get(keys[0], 1);
  get(keys[1], 2);
  get(keys[2], 3);
  EXPECT_EQ(completed(3).error().code, ErrorCode::resource_exhausted);
  serve(kB, keys[3], 9);
  EXPECT_EQ(sent<Busy>().size(), 1u);
  fetch_.on_loaded(started().load, value("v"), kNow, out_);
  ASSERT_EQ(of_type<StartLoad>().size(), 2u);
  fetch_.on_loaded(of_type<StartLoad>()[1].load, value("w"), kNow, out_);
  EXPECT_EQ(completed(2)->value->view(), "w");
}

TEST_F(LimitedFetchTest, CallerThatLeavesTheQueueIsNotLoadedFor) {
  const auto keys = own_keys(2);
  get(keys[0], 1);
  get(keys[1], 2, 1s);
  fetch_.on_deadline(kNow + 1s, out_);
  fetch_.on_loaded(started().load, value("v"), kNow + 2s, out_);
  EXPECT_EQ(of_type<StartLoad>().size(), 1u);
  EXPECT_TRUE(fetch_.idle());
}

}  // namespace
}  // namespace kith::fetch
