// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/membership/cluster/notices.h"
#include "core/membership/cluster/user_state.h"
#include "core/membership/encoded_size.h"

// One kith node whose neighbours are the test.
namespace kith::membership {
namespace {

using namespace std::chrono_literals;
using Kind = PeerEvent::Kind;

constexpr CacheId kCache{7};

Address address_number(int number) {
  return {std::string{10, 0, 0, static_cast<char>(number)}, 7946};
}

class ClusterTest : public testing::Test {
 protected:
  static ClusterOptions options() {
    ClusterOptions options;
    options.membership.name = "self";
    options.membership.address = address_number(1);
    options.membership.seed = 7;
    options.membership.profile = kith_profile();
    options.boot = BootId{1};
    options.phase = Phase::ready;
    return options;
  }
  static NodeData data(std::uint64_t boot = 100) {
    NodeData data;
    data.phase = Phase::ready;
    data.data_port = 7400;
    data.boot = BootId{boot};
    data.cluster = cluster_hash("default");
    data.caches = {kCache};
    return data;
  }
  static Alive alive(std::string name, int address, std::uint32_t incarnation = 1,
                     const std::string& meta = encode(data())) {
    const Address where = address_number(address);
    return {incarnation, std::move(name), where.ip, where.port, meta, kVersions};
  }

  void receive(std::vector<Message> messages) {
    node.on_packet(address_number(99), messages, now, actions);
  }
  void receive(const Notice& notice) { receive({User{encode(notice)}}); }
  void run_for(Duration span) {
    const TimePoint end = now + span;
    while (node.next_deadline() <= end) {
      now = std::max(now, node.next_deadline());
      node.on_deadline(now, actions);
    }
    now = end;
  }
  /// Members "a" to "e", and a plain one, "plain".
  void meet_others() {
    for (int i = 0; i < 5; ++i) receive({alive(std::string(1, static_cast<char>('a' + i)), 2 + i)});
    receive({alive("plain", 50, 1, "other")});
    actions.clear();
  }
  template <class Action>
  std::vector<Action> all() const {
    std::vector<Action> found;
    for (const auto& action : actions) {
      if (const auto* one = std::get_if<Action>(&action)) found.push_back(*one);
    }
    return found;
  }
  std::size_t count(Kind kind) const {
    const auto events = all<PeerEvent>();
    return static_cast<std::size_t>(
        std::ranges::count(events, kind, [](const PeerEvent& event) { return event.kind; }));
  }
  std::vector<Notice> notices() const {
    std::vector<Notice> found;
    for (const auto& packet : all<SendPacket>()) {
      for (const Message& message : packet.messages) {
        const User* user = std::get_if<User>(&message);
        const auto notice = user ? decode_notice(user->payload) : std::nullopt;
        if (notice) found.push_back(*notice);
      }
    }
    return found;
  }

  TimePoint now{1000s};
  Cluster node{options(), now};
  ClusterActions actions;
};

TEST_F(ClusterTest, EventsCarryWhatANodeIs) {
  receive({alive("a", 2)});
  const auto events = all<PeerEvent>();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::joined);
  EXPECT_EQ(events[0].node, data());
  EXPECT_EQ(events[0].data_address(), (Address{address_number(2).ip, 7400}));
  actions.clear();
  receive({alive("plain", 3, 1, "other meta")});
  EXPECT_FALSE(all<PeerEvent>()[0].node);
  ASSERT_EQ(node.peers().size(), 3u);
  EXPECT_EQ(node.peers()[0].name, "a");
  EXPECT_EQ(node.peers()[2].node, node.own_data());
}

TEST_F(ClusterTest, OwnOpeningIsToldAtOnceAndOthersAfterAMoment) {
  ASSERT_TRUE(node.open_cache(kCache, now, actions));
  ASSERT_EQ(all<Participants>().size(), 1u);
  EXPECT_EQ(all<Participants>()[0].members, (std::vector<placement::Member>{{"self"}}));
  meet_others();
  EXPECT_TRUE(all<Participants>().empty());
  run_for(240ms);
  EXPECT_TRUE(all<Participants>().empty());
  run_for(20ms);
  ASSERT_EQ(all<Participants>().size(), 1u);
  EXPECT_EQ(all<Participants>()[0].members.size(), 6u) << "the plain one is not among them";
  EXPECT_EQ(node.participants(kCache), all<Participants>()[0].members);
}

TEST_F(ClusterTest, CacheOfOthersIsKnownButNotToldOf) {
  meet_others();
  run_for(2s);
  EXPECT_TRUE(all<Participants>().empty());
  EXPECT_EQ(node.participants(kCache).size(), 5u);
}

TEST_F(ClusterTest, NodeThatIsNotReadyOwnsNothing) {
  ASSERT_TRUE(node.open_cache(kCache, now, actions));
  actions.clear();
  node.set_phase(Phase::draining, now, actions);
  ASSERT_EQ(all<Participants>().size(), 1u);
  EXPECT_TRUE(all<Participants>()[0].members.empty());
  node.set_phase(Phase::ready, now, actions);
  EXPECT_EQ(all<Participants>().size(), 2u);
}

TEST_F(ClusterTest, NodeOfAnotherClusterIsRefused) {
  NodeData foreign = data();
  foreign.cluster = cluster_hash("another");
  for (std::uint32_t i = 1; i < 10; ++i) receive({alive("x", 2, i, encode(foreign))});
  EXPECT_EQ(node.membership().members().find("x"), nullptr);
  ASSERT_EQ(all<Warning>().size(), 1u);
  EXPECT_EQ(all<Warning>()[0].name, "x");
}

TEST_F(ClusterTest, ExchangeWithAnotherClusterIsRefused) {
  const PushPull request{true, {}, encode(UserState{"another", "x", BootId{5}})};
  node.on_caller(CallerId{1}, request, now, actions);
  EXPECT_EQ(all<RefuseCaller>().size(), 1u);
  EXPECT_TRUE(all<ReplyToCaller>().empty());
  ASSERT_EQ(all<Warning>().size(), 1u);
  EXPECT_EQ(all<Warning>()[0].detail, "another");
}

TEST_F(ClusterTest, OwnUserStateNamesTheClusterAndTheNode) {
  node.on_caller(CallerId{1}, PushPull{true}, now, actions);
  const auto replies = all<ReplyToCaller>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(decode_user_state(std::get<PushPull>(replies[0].reply).user_state),
            (UserState{"default", "self", BootId{1}}));
}

TEST_F(ClusterTest, ThreeAccusersMakeAMemberUnreachable) {
  meet_others();
  receive(Accused{"a", 1, {"b", "c"}});
  EXPECT_EQ(count(Kind::suspected), 1u);
  EXPECT_EQ(count(Kind::unreachable), 0u);
  receive(Accused{"a", 1, {"c", "d"}});
  EXPECT_EQ(count(Kind::unreachable), 1u);
  EXPECT_EQ(node.peers()[0].health, PeerInfo::Health::unreachable);
  // What is known travels together.
  run_for(150ms);
  const auto told = notices();
  EXPECT_NE(std::ranges::find(told, Notice(Accused{"a", 1, {"b", "c", "d"}})), told.end());
  receive({alive("a", 2, 2)});
  EXPECT_EQ(count(Kind::reachable), 1u);
  EXPECT_EQ(node.peers()[0].health, PeerInfo::Health::ok);
}

TEST_F(ClusterTest, OldWordOfAnAccusationIsIgnored) {
  meet_others();
  receive({alive("a", 2, 5)});
  actions.clear();
  receive(Accused{"a", 4, {"b", "c", "d"}});
  receive(Accused{"a", 6, {"b", "c", "d"}});
  receive(Accused{"plain", 1, {"b", "c", "d"}});
  receive(Accused{"a", 5, {"plain", "nobody", "a", "self"}});
  EXPECT_TRUE(all<PeerEvent>().empty());
}

TEST_F(ClusterTest, AccusationOfThisNodeIsRefuted) {
  meet_others();
  const auto before = node.membership().members().self().incarnation;
  receive(Accused{"self", before, {"b"}});
  EXPECT_EQ(node.membership().members().self().incarnation, before + 1);
  EXPECT_TRUE(all<PeerEvent>().empty());
}

TEST_F(ClusterTest, WitnessPingsASuspectWithTheSuspicionInFront) {
  meet_others();  // Few enough for this node to be a witness.
  receive({Suspect{1, "a", "b"}});
  std::optional<SendPacket> probe;
  for (const auto& packet : all<SendPacket>()) {
    if (packet.to == address_number(2)) probe = packet;
  }
  ASSERT_TRUE(probe);
  ASSERT_EQ(probe->messages.size(), 2u);
  EXPECT_EQ(std::get<Suspect>(probe->messages[0]).node, "a");
  const auto seq_no = std::get<Ping>(probe->messages[1]).seq_no;
  receive({Ack{seq_no}});
  actions.clear();
  run_for(450ms);
  EXPECT_TRUE(notices().empty());
}

TEST_F(ClusterTest, WitnessWithoutAnAnswerAccuses) {
  meet_others();
  receive({Suspect{1, "a", "b"}});
  run_for(700ms);
  const auto told = notices();
  EXPECT_NE(std::ranges::find(told, Notice(Accused{"a", 1, {"self"}})), told.end());
}

TEST_F(ClusterTest, WitnessThatStoodStillHearsTheAnswerFirst) {
  meet_others();
  receive({Suspect{1, "a", "b"}});
  run_for(300ms);
  now += 900ms;
  node.on_deadline(now, actions);
  receive({alive("a", 2, 2)});
  run_for(2s);
  EXPECT_EQ(count(Kind::unreachable), 0u);
  for (const Notice& notice : notices()) {
    const auto* accused = std::get_if<Accused>(&notice);
    EXPECT_FALSE(accused != nullptr && accused->name == "a" && accused->incarnation == 1);
  }
}

TEST_F(ClusterTest, SecondObserverOfAGoneProcessLeavesItASecond) {
  meet_others();
  node.on_process_gone("a", BootId{100}, now, actions);
  EXPECT_EQ(count(Kind::unreachable), 0u);
  EXPECT_FALSE(notices().empty()) << "told at once";
  receive(ProcessGone{"a", BootId{100}, 1, {"b"}});
  EXPECT_EQ(count(Kind::unreachable), 1u);
  run_for(990ms);
  EXPECT_EQ(count(Kind::failed), 0u);
  run_for(20ms);
  EXPECT_EQ(count(Kind::failed), 1u);
}

TEST_F(ClusterTest, LastChanceIsNotSpentByThisNodesOwnStall) {
  meet_others();
  node.on_process_gone("a", BootId{100}, now, actions);
  receive(ProcessGone{"a", BootId{100}, 1, {"b"}});
  now += 3s;
  node.on_deadline(now, actions);
  EXPECT_EQ(count(Kind::failed), 0u);
  receive({alive("a", 2, 2)});
  run_for(2s);
  EXPECT_EQ(count(Kind::failed), 0u);
  EXPECT_EQ(count(Kind::reachable), 1u);
}

TEST_F(ClusterTest, NewBootOfAGoneProcessIsReachable) {
  meet_others();
  node.on_process_gone("a", BootId{100}, now, actions);
  receive(ProcessGone{"a", BootId{100}, 1, {"b"}});
  receive({alive("a", 2, 2, encode(data(101)))});
  EXPECT_EQ(count(Kind::reachable), 1u);
  receive(ProcessGone{"a", BootId{100}, 1, {"b", "c"}});
  EXPECT_EQ(count(Kind::unreachable), 1u);
}

TEST_F(ClusterTest, WhatIsNewIsPassedOnOnce) {
  meet_others();
  run_for(5s);  // Its own news is through.
  actions.clear();
  const Notice notice = ProcessGone{"a", BootId{100}, 1, {"b"}};
  for (int i = 0; i < 100; ++i) receive(notice);
  run_for(5s);
  const auto told = notices();
  EXPECT_GE(std::ranges::count(told, notice), 4);
  EXPECT_LE(std::ranges::count(told, notice), 12);
}

TEST_F(ClusterTest, AskerForAListGetsItsParts) {
  meet_others();
  std::vector<CacheId> list;
  for (std::uint64_t i = 0; i < 150; ++i) {
    list.push_back(CacheId{i});
    ASSERT_TRUE(node.open_cache(CacheId{i}, now, actions));
  }
  run_for(1s);
  EXPECT_EQ(node.own_data().all_caches, digest_of(list));
  EXPECT_EQ(node.own_data().caches.size(), kMaxInlineCaches);
  actions.clear();
  receive(CacheListWanted{digest_of(list), "c"});
  EXPECT_EQ(notices().size(), 2u);
  for (const auto& packet : all<SendPacket>()) EXPECT_EQ(packet.to, address_number(4));
  actions.clear();
  receive(CacheListWanted{digest_of(list), "nobody"});
  receive(CacheListWanted{CacheListDigest{1, 1}, "c"});
  EXPECT_TRUE(actions.empty());
  for (int i = 0; i < 5000; ++i) receive(CacheListWanted{digest_of(list), "c"});
  EXPECT_LE(all<SendPacket>().size(), 1000u) << "it is no amplifier";
}

TEST_F(ClusterTest, NoPacketIsTooLong) {
  ClusterOptions small = options();
  small.membership.packet_bytes = 500;
  small.membership.packet_overhead = 40;
  Cluster other(small, now);
  std::vector<CacheId> list;
  for (std::uint64_t i = 0; i < 150; ++i) {
    list.push_back(CacheId{i});
    ASSERT_TRUE(other.open_cache(CacheId{i}, now, actions));
  }
  const std::string longest(kMaxName, 'a');
  for (std::uint32_t i = 0; i < 9; ++i) {
    const Message met = alive(std::string(1, static_cast<char>('a' + i)), 2 + static_cast<int>(i));
    other.on_packet(address_number(99), std::span(&met, 1), now, actions);
  }
  const std::vector<Message> messages = {User{encode(CacheListWanted{digest_of(list), "c"})},
                                         User{encode(Accused{"a", 1, {"b", "c"}})},
                                         Suspect{1, "a", longest}};
  other.on_packet(address_number(99), messages, now, actions);
  for (const TimePoint end = now + 3s; other.next_deadline() <= end;) {
    now = std::max(now, other.next_deadline());
    other.on_deadline(now, actions);
  }
  const auto packets = all<SendPacket>();
  EXPECT_GT(packets.size(), 10u);
  for (const auto& packet : packets) {
    std::size_t size = 2;
    for (const Message& message : packet.messages) size += 2 + encoded_size(message);
    EXPECT_LE(size, 460u);
  }
}

TEST_F(ClusterTest, MutatedUserMessagesDoNothing) {
  ASSERT_TRUE(node.open_cache(kCache, now, actions));
  meet_others();
  run_for(10ms);
  actions.clear();
  Rng rng(11);
  const std::vector<Notice> samples = {
      ProcessGone{"nobody", BootId{100}, 1, {"b", "c"}},
      ProcessGone{"a", BootId{99}, 1, {"b", "c"}},
      ProcessGone{"a", BootId{100}, 7, {"b", "c"}},
      Accused{"a", 77, {"b", "c", "d"}},
      Accused{"nobody", 1, {"b", "c", "d"}},
      Flapping{"nobody", 4000},
      CacheListWanted{{1, 2}, "a"},
      CacheListPart{{1, 2}, 0, {CacheId{1}, CacheId{2}}, true},
  };
  const std::size_t members = node.membership().members().size();
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = encode(samples[rng.below(samples.size())]);
    if (rng.chance(0.2)) {
      bytes.resize(rng.below(200));
      for (char& byte : bytes) byte = static_cast<char>(rng.next());
    } else if (rng.chance(0.8)) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
      bytes.resize(bytes.size() - rng.below(3));
    }
    receive({User{bytes}});
  }
  EXPECT_TRUE(all<PeerEvent>().empty());
  EXPECT_TRUE(all<Warning>().empty());
  EXPECT_EQ(node.membership().members().size(), members);
  EXPECT_EQ(node.participants(kCache).size(), 6u);
}

TEST_F(ClusterTest, HostilePushPullStateDoesNothing) {
  meet_others();
  Rng rng(12);
  UserState state{"default", "a", BootId{100}};
  state.lists.push_back({CacheId{1}, CacheId{2}});
  state.flapping.push_back({"nobody", 4000});
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = encode(state);
    // What follows the names.
    for (int changes = 0; changes < 2; ++changes) {
      bytes[15 + rng.below(bytes.size() - 15)] = static_cast<char>(rng.next());
    }
    node.on_caller(CallerId{static_cast<std::uint64_t>(i)}, PushPull{false, {}, bytes}, now,
                   actions);
  }
  EXPECT_TRUE(all<PeerEvent>().empty());
  EXPECT_TRUE(all<Warning>().empty());
}

}  // namespace
}  // namespace kith::membership
