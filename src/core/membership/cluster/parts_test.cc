// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/membership/cluster/allowance.h"
#include "core/membership/cluster/catalog.h"
#include "core/membership/cluster/damping.h"
#include "core/membership/cluster/doubts.h"
#include "core/membership/cluster/graves.h"
#include "core/membership/cluster/seeds.h"
#include "core/membership/cluster/silent_packets.h"
#include "core/membership/cluster/topics.h"
#include "core/membership/cluster/witnesses.h"

// The parts of a Cluster, each alone.
namespace kith::membership {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

Address address(int number) { return {std::string{10, 0, 0, static_cast<char>(number)}, 7946}; }

// ---- Allowance

TEST(AllowanceTest, GivesABurstAndThenTheRate) {
  Allowance allowance(10, 3);
  int given = 0;
  for (int i = 0; i < 10; ++i) given += allowance.take(kStart);
  EXPECT_EQ(given, 3);
  EXPECT_FALSE(allowance.take(kStart + 50ms));
  EXPECT_TRUE(allowance.take(kStart + 101ms));
  EXPECT_FALSE(allowance.take(kStart + 101ms));
}

// ---- Seeds

class SeedsTest : public testing::Test {
 protected:
  SeedsTest() {
    members.add("self", rng);
    members.self().address = address(1);
    members.self().state = State::alive;
  }
  void set(const std::vector<Address>& addresses) { seeds.set(addresses, members, now); }
  std::vector<Address> due(bool alone) { return seeds.due(alone, now); }

  Rng rng{1};
  Members members{"self"};
  Seeds seeds{rng};
  TimePoint now = kStart;
};

TEST_F(SeedsTest, AloneSeveralAreContactedAtOnceAndAgainAfterAWait) {
  set({address(2), address(3), address(4), address(5)});
  const auto first = due(true);
  EXPECT_EQ(first.size(), 3u);
  for (const Address& one : first) seeds.on_failed(one, true, now);
  now += 300ms;
  EXPECT_EQ(due(true).size(), 1u) << "the others wait";
  now += 400ms;
  EXPECT_EQ(due(true).size(), 3u);
}

TEST_F(SeedsTest, WaitsGrowWhileNobodyAnswers) {
  set({address(2)});
  int contacts = 0;
  for (; now < kStart + 60s; now += 10ms) {
    for (const Address& one : due(true)) {
      ++contacts;
      seeds.on_failed(one, true, now);
    }
  }
  EXPECT_GE(contacts, 8);
  EXPECT_LE(contacts, 14);
}

TEST_F(SeedsTest, AmongOthersOneIsContactedNowAndThen) {
  set({address(2), address(3), address(4)});
  seeds.on_member("b", address(2));
  std::set<Address> contacted;
  int contacts = 0;
  for (; now < kStart + 30s; now += 100ms) {
    for (const Address& one : due(false)) {
      ++contacts;
      contacted.insert(one);
      seeds.on_failed(one, false, now);
    }
  }
  EXPECT_EQ(contacted, (std::set<Address>{address(3), address(4)}));
  EXPECT_GE(contacts, 3);
  EXPECT_LE(contacts, 8);
}

TEST_F(SeedsTest, NothingIsDueWhenAllAreMembers) {
  set({address(1), address(2)});
  seeds.on_member("b", address(2));
  EXPECT_FALSE(seeds.next_deadline());
  seeds.on_member("b", address(3));  // It moved.
  EXPECT_TRUE(seeds.next_deadline());
  seeds.on_member("b", address(2));
  seeds.on_member_gone("b");
  now += 10s;
  EXPECT_EQ(due(false), std::vector<Address>{address(2)});
}

TEST_F(SeedsTest, AddressThatIsThisNodeIsRemembered) {
  set({address(9)});
  EXPECT_EQ(due(true).size(), 1u);
  seeds.on_self(address(9));
  EXPECT_FALSE(seeds.next_deadline());
  set({address(9)});
  EXPECT_FALSE(seeds.next_deadline());
}

TEST_F(SeedsTest, ListIsBounded) {
  std::vector<Address> many;
  for (std::size_t i = 0; i < 2 * kMaxSeeds; ++i) {
    many.push_back({std::string{10, 1, static_cast<char>(i >> 8), static_cast<char>(i)}, 1});
  }
  set(many);
  std::set<Address> contacted;
  for (; now < kStart + 20min; now += 1s) {
    for (const Address& one : due(true)) {
      contacted.insert(one);
      seeds.on_failed(one, true, now);
    }
  }
  EXPECT_GT(contacted.size(), kMaxSeeds / 4);
  for (std::size_t i = kMaxSeeds; i < many.size(); ++i) EXPECT_FALSE(contacted.contains(many[i]));
}

// ---- Graves

TEST(GravesTest, YoungOnesAreAskedForOften) {
  Rng rng(1);
  Graves graves(rng);
  graves.on_failed("a", address(2), kStart);
  int contacts = 0;
  for (TimePoint now = kStart; now < kStart + 10min; now += 100ms) contacts += !!graves.due(now);
  EXPECT_NEAR(contacts, 120, 15);
  contacts = 0;
  for (TimePoint now = kStart + 10min; now < kStart + 1h; now += 100ms) {
    contacts += !!graves.due(now);
  }
  EXPECT_NEAR(contacts, 100, 20);
}

TEST(GravesTest, NobodyIsAskedForAfterADay) {
  Rng rng(1);
  Graves graves(rng);
  graves.on_failed("a", address(2), kStart);
  EXPECT_FALSE(graves.due(kStart + 25h));
  EXPECT_FALSE(graves.next_deadline());
}

TEST(GravesTest, WhoIsBackHasNoGrave) {
  Rng rng(1);
  Graves graves(rng);
  graves.on_failed("a", address(2), kStart);
  EXPECT_TRUE(graves.on_over("a"));
  EXPECT_FALSE(graves.on_over("a"));
  EXPECT_FALSE(graves.due(kStart + 1min));
}

TEST(GravesTest, WhoAnsweredIsAskedForAgainSoonButNotForEver) {
  Rng rng(1);
  Graves graves(rng);
  for (int i = 0; i < 20; ++i) graves.on_failed("n" + std::to_string(i), address(i), kStart);
  TimePoint now = kStart + 7s;
  const auto first = graves.due(now);
  ASSERT_TRUE(first);
  for (int i = 0; i < Graves::kMostSoon; ++i) {
    graves.on_reached(first->first, now);
    now += Graves::kSoon;
    EXPECT_EQ(graves.due(now), first);
  }
  graves.on_reached(first->first, now);
  EXPECT_FALSE(graves.due(now + Graves::kSoon));
}

TEST(GravesTest, LongestDeadGivesWay) {
  Rng rng(1);
  Graves graves(rng);
  for (std::size_t i = 0; i <= Graves::kMost; ++i) {
    graves.on_failed("n" + std::to_string(i), address(2), kStart + i * 1s);
  }
  EXPECT_EQ(graves.size(), Graves::kMost);
  EXPECT_FALSE(graves.contains("n0"));
  EXPECT_TRUE(graves.contains("n1"));
}

// ---- Doubts

TEST(DoubtsTest, ThreeAccusersMakeUnreachableOnce) {
  Doubts doubts;
  EXPECT_TRUE(doubts.accuse("x", 5, "a"));
  EXPECT_FALSE(doubts.accuse("x", 5, "a")) << "said before";
  EXPECT_FALSE(doubts.accuse("x", 4, "b")) << "out of date";
  EXPECT_TRUE(doubts.accuse("x", 5, "b"));
  EXPECT_FALSE(doubts.became_unreachable("x"));
  EXPECT_TRUE(doubts.accuse("x", 5, "c"));
  EXPECT_FALSE(doubts.accuse("x", 5, "d")) << "enough";
  EXPECT_TRUE(doubts.became_unreachable("x"));
  EXPECT_FALSE(doubts.became_unreachable("x"));
  EXPECT_TRUE(doubts.unreachable("x"));
  EXPECT_EQ(doubts.unreachable_count(), 1u);
  EXPECT_TRUE(doubts.end("x"));
  EXPECT_FALSE(doubts.end("x"));
  EXPECT_EQ(doubts.unreachable_count(), 0u);
}

TEST(DoubtsTest, AccusersOfDifferentIncarnationsDoNotAddUp) {
  Doubts doubts;
  doubts.accuse("x", 5, "a");
  doubts.accuse("x", 5, "b");
  doubts.accuse("x", 6, "c");
  EXPECT_FALSE(doubts.became_unreachable("x"));
}

TEST(DoubtsTest, TwoObserversLeaveASecond) {
  Doubts doubts;
  doubts.observe_gone("x", BootId{1}, "a", kStart);
  EXPECT_FALSE(doubts.became_unreachable("x"));
  doubts.observe_gone("x", BootId{1}, "b", kStart + 1s);
  EXPECT_TRUE(doubts.became_unreachable("x"));
  EXPECT_TRUE(doubts.on_deadline(kStart + 1900ms).empty());
  doubts.postpone(kStart + 2500ms);
  EXPECT_TRUE(doubts.on_deadline(kStart + 2400ms).empty());
  EXPECT_EQ(doubts.on_deadline(kStart + 2500ms), std::vector<std::string>{"x"});
}

TEST(DoubtsTest, SingleObservationIsForgotten) {
  Doubts doubts;
  doubts.observe_gone("x", BootId{1}, "a", kStart);
  EXPECT_TRUE(doubts.on_deadline(kStart + 10s).empty());
  EXPECT_EQ(doubts.find("x"), nullptr);
}

TEST(DoubtsTest, ObserversOfDifferentBootsDoNotAddUp) {
  Doubts doubts;
  doubts.observe_gone("x", BootId{1}, "a", kStart);
  doubts.observe_gone("x", BootId{2}, "b", kStart);
  EXPECT_FALSE(doubts.became_unreachable("x"));
}

TEST(DoubtsTest, NumberIsBounded) {
  Doubts doubts;
  for (std::size_t i = 0; i < Doubts::kMost; ++i) doubts.accuse("n" + std::to_string(i), 1, "a");
  EXPECT_FALSE(doubts.accuse("one more", 1, "a"));
}

// ---- Witnesses

TEST(WitnessesTest, AreTheSameEightKithNodesForAll) {
  constexpr std::size_t kPool = 200;
  for (const std::uint64_t incarnation : {1u, 2u, 3u}) {
    Rng rng(1);
    std::set<std::string> chosen;
    std::set<std::string> themselves;
    for (std::size_t self = 0; self < kPool; ++self) {
      Members members("n" + std::to_string(self));
      for (std::size_t i = 0; i < kPool; ++i) {
        Member& member = members.add("n" + std::to_string(i), rng);
        member.state = State::alive;
        if (i % 10 != 9) member.meta = encode(NodeData{});  // One in ten is no kith node.
      }
      for (const Member* witness : witnesses_of(members, "n7", incarnation)) {
        chosen.insert(witness->name);
      }
      if (is_witness(members, "n7", incarnation)) themselves.insert(members.self().name);
    }
    EXPECT_EQ(chosen.size(), kWitnesses);
    EXPECT_EQ(themselves, chosen);
    EXPECT_FALSE(chosen.contains("n7"));
    for (const std::string& name : chosen) EXPECT_NE(name.back(), '9');
  }
}

TEST(WitnessProbesTest, TwoAttemptsAndThenItFailed) {
  WitnessProbes probes;
  Member suspect;
  suspect.name = "x";
  const auto* probe = probes.begin(suspect, 3, kStart, 500ms);
  ASSERT_TRUE(probe);
  EXPECT_GE(probe->seq_no, 1u << 31);
  EXPECT_FALSE(probes.begin(suspect, 3, kStart, 500ms)) << "it is under way";
  EXPECT_EQ(probes.on_deadline(kStart + 200ms).again.size(), 1u);
  EXPECT_TRUE(probes.on_deadline(kStart + 499ms).failed.empty());
  EXPECT_EQ(probes.on_deadline(kStart + 500ms).failed.size(), 1u);
  EXPECT_FALSE(probes.next_deadline());
}

TEST(WitnessProbesTest, AnswerEndsIt) {
  WitnessProbes probes;
  Member suspect;
  suspect.name = "x";
  const auto seq_no = probes.begin(suspect, 3, kStart, 500ms)->seq_no;
  EXPECT_FALSE(probes.on_ack(seq_no + 1));
  EXPECT_FALSE(probes.on_ack(1));
  EXPECT_TRUE(probes.on_ack(seq_no));
  EXPECT_FALSE(probes.next_deadline());
}

TEST(WitnessProbesTest, NumberIsBounded) {
  WitnessProbes probes;
  Member suspect;
  for (std::size_t i = 0; i < WitnessProbes::kMost; ++i) {
    suspect.name = std::to_string(i);
    EXPECT_TRUE(probes.begin(suspect, 1, kStart, 500ms));
  }
  suspect.name = "one more";
  EXPECT_FALSE(probes.begin(suspect, 1, kStart, 500ms));
}

// ---- Damping

TEST(DampingTest, ThirdReturnWithinAMinuteIsTooMuch) {
  Damping damping;
  EXPECT_FALSE(damping.on_returned("x", kStart));
  EXPECT_FALSE(damping.on_returned("x", kStart + 5s));
  EXPECT_TRUE(damping.on_returned("x", kStart + 10s));
  EXPECT_TRUE(damping.out("x"));
  const auto in = damping.next_deadline();
  ASSERT_TRUE(in);
  EXPECT_FALSE(damping.on_deadline(*in - 100ms));
  EXPECT_TRUE(damping.on_deadline(*in));
  EXPECT_FALSE(damping.out("x"));
  EXPECT_FALSE(damping.next_deadline());
  EXPECT_GT(*in - kStart, 100s);
  EXPECT_LT(*in - kStart, 150s);
}

TEST(DampingTest, SeldomReturnsAreForgiven) {
  Damping damping;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(damping.on_returned("x", kStart + i * 1min));
}

TEST(DampingTest, NobodyIsOutForLong) {
  Damping damping;
  for (int i = 0; i < 100; ++i) damping.on_returned("x", kStart);
  EXPECT_LE(*damping.next_deadline(), kStart + 146s);
}

TEST(DampingTest, OthersWordCountsOnceAndFallsTheSameWay) {
  Damping here;
  Damping there;
  for (int i = 0; i < 3; ++i) here.on_returned("x", kStart);
  const auto told = here.all_out(kStart + 30s);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(there.on_told("x", told[0].penalty, kStart + 30s));
  EXPECT_FALSE(there.on_told("x", told[0].penalty, kStart + 30s));
  EXPECT_NEAR(static_cast<double>((*there.next_deadline() - *here.next_deadline()) / 1ms), 0, 100);
  EXPECT_FALSE(there.on_told("y", Damping::kIn, kStart));
  EXPECT_TRUE(there.on_told("y", 60'000, kStart));
  EXPECT_LE(there.penalty("y", kStart), Damping::kMost);
}

// ---- Topics

Owner owner(const std::string& name, std::vector<CacheId> caches) {
  return {{name, 1, ""}, std::move(caches)};
}

TEST(TopicsTest, ChangesThatComeTogetherMakeOne) {
  Topics topics;
  EXPECT_FALSE(topics.next_deadline(false));
  topics.touch(kStart);
  topics.touch(kStart + 100ms);
  EXPECT_FALSE(topics.due(kStart + 349ms, false));
  EXPECT_TRUE(topics.due(kStart + 350ms, false));
  for (Duration at = 100ms; at <= 1s; at += 100ms) topics.touch(kStart + at);
  EXPECT_TRUE(topics.due(kStart + 1s, false)) << "it does not wait for ever";
}

TEST(TopicsTest, FailuresWaitForThoseThatMayFollow) {
  Topics topics;
  topics.touch_failed(kStart);
  EXPECT_FALSE(topics.due(kStart + 4s, true));
  EXPECT_TRUE(topics.due(kStart + 2s, false));
  EXPECT_TRUE(topics.due(kStart + 5s, true));
}

TEST(TopicsTest, OwnChangeWaitsForNobody) {
  Topics topics;
  topics.touch_failed(kStart);
  topics.touch_own(kStart);
  EXPECT_TRUE(topics.due(kStart, true));
}

TEST(TopicsTest, OnlyWhatDiffersIsSaid) {
  Topics topics;
  topics.open(CacheId{1});
  topics.open(CacheId{2});
  topics.open(CacheId{3});
  ClusterActions out;
  std::vector<Owner> owners = {owner("a", {CacheId{1}, CacheId{2}}), owner("b", {CacheId{1}})};
  topics.publish(owners, out);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(std::get<Participants>(out[0]).members.size(), 2u);
  EXPECT_EQ(std::get<Participants>(out[1]).members.size(), 1u);
  EXPECT_EQ(std::get<Participants>(out[2]).members.size(), 0u) << "said though it is empty";
  out.clear();
  topics.publish(owners, out);
  EXPECT_TRUE(out.empty());
  owners[1].inline_caches.push_back(CacheId{3});
  owners[0].member.weight = 2;
  topics.publish(owners, out);
  EXPECT_EQ(out.size(), 3u);
  out.clear();
  owners[1].inline_caches = {CacheId{2}, CacheId{99}};
  topics.publish(owners, out);
  EXPECT_EQ(out.size(), 3u);
  out.clear();
  topics.close(CacheId{2});
  owners.pop_back();
  topics.publish(owners, out);
  EXPECT_TRUE(out.empty());
}

// ---- Catalog

class CatalogTest : public testing::Test {
 protected:
  static std::vector<CacheId> list(std::size_t count, std::uint64_t from = 0) {
    std::vector<CacheId> list;
    for (std::size_t i = 0; i < count; ++i) list.push_back(CacheId{from + i});
    return list;
  }
  Rng rng{1};
  Catalog catalog{rng};
  bool complete = false;
};

TEST_F(CatalogTest, PartsInAnyOrderMakeTheList) {
  const auto whole = list(950);
  const auto digest = digest_of(whole);
  catalog.on_member("a", digest, kStart);
  auto parts = parts_of(digest, whole);
  EXPECT_EQ(parts.size(), 10u);
  rng.shuffle(std::span(parts));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(catalog.shown("a"), nullptr);
    EXPECT_TRUE(catalog.on_part(parts[i], complete));
    EXPECT_EQ(complete, i == 9);
    EXPECT_FALSE(catalog.on_part(parts[i], complete)) << "again";
  }
  ASSERT_TRUE(catalog.shown("a"));
  EXPECT_EQ(*catalog.shown("a"), whole);
}

TEST_F(CatalogTest, FormerListCountsUntilTheNewOneIsHere) {
  const auto former = list(100);
  const auto present = list(200);
  catalog.on_member("a", digest_of(former), kStart);
  EXPECT_TRUE(catalog.on_list(former));
  catalog.on_member("a", digest_of(present), kStart);
  EXPECT_EQ(*catalog.shown("a"), former);
  EXPECT_TRUE(catalog.on_list(present));
  EXPECT_EQ(*catalog.shown("a"), present);
}

TEST_F(CatalogTest, ListWithOtherContentIsNotTaken) {
  const auto whole = list(150);
  const auto digest = digest_of(whole);
  catalog.on_member("a", digest, kStart);
  for (auto part : parts_of(digest, list(150, 7))) catalog.on_part(part, complete);
  EXPECT_EQ(catalog.shown("a"), nullptr);
  for (auto part : parts_of(digest, whole)) catalog.on_part(part, complete);
  EXPECT_TRUE(catalog.shown("a"));
}

TEST_F(CatalogTest, NothingUnwantedIsKept) {
  EXPECT_FALSE(catalog.on_list(list(100)));
  EXPECT_FALSE(catalog.on_part(parts_of(digest_of(list(10)), list(10))[0], complete));
  EXPECT_TRUE(catalog.all().empty());
  catalog.on_member("a", digest_of(list(100)), kStart);
  CacheListPart beyond{digest_of(list(100)), 99, list(2), false};
  EXPECT_FALSE(catalog.on_part(beyond, complete));
}

TEST_F(CatalogTest, MissingListIsAskedForEverLessOften) {
  catalog.on_member("a", digest_of(list(100)), kStart);
  std::size_t asks = 0;
  for (TimePoint now = kStart; now < kStart + 60s; now += 50ms) asks += catalog.due(now).size();
  EXPECT_GE(asks, 8u);
  EXPECT_LE(asks, 12u);
  catalog.on_member("a", std::nullopt, kStart);
  EXPECT_TRUE(catalog.due(kStart + 100s).empty());
}

TEST_F(CatalogTest, ListsOfThoseGoneAreDropped) {
  for (int i = 0; i < 20; ++i) {
    const auto one = list(40, static_cast<std::uint64_t>(i));
    catalog.on_member("a", digest_of(one), kStart);
    EXPECT_TRUE(catalog.on_list(one));
  }
  EXPECT_LE(catalog.all().size(), 5u);
}

TEST_F(CatalogTest, NumberIsBounded) {
  for (std::size_t i = 0; i < 2 * Catalog::kMostLists; ++i) {
    catalog.on_member("n" + std::to_string(i), CacheListDigest{i, 40}, kStart);
  }
  std::size_t asked = 0;
  for (int i = 0; i < 1000; ++i) asked += catalog.due(kStart + 2s).size();
  EXPECT_EQ(asked, Catalog::kMostLists);
}

// ---- SilentPackets

TEST(SilentPacketsTest, EachIsWarnedOfOnceAndAllOnce) {
  Rng rng(1);
  SilentPackets silent(1s, rng);
  const auto unanswered = [&](const std::string& name, TimePoint now) {
    return silent.on_unanswered(name, address(1), 5, now);
  };
  EXPECT_EQ(unanswered("a", kStart)->kind, Warning::Kind::packets_blocked);
  EXPECT_FALSE(unanswered("a", kStart + 1s));
  EXPECT_EQ(unanswered("b", kStart + 2s)->name, "b");
  EXPECT_EQ(unanswered("c", kStart + 3s)->kind, Warning::Kind::all_packets_blocked);
  EXPECT_FALSE(unanswered("d", kStart + 4s));
  EXPECT_FALSE(unanswered("e", kStart + 5s));
}

TEST(SilentPacketsTest, ExchangesOnlyWhileThereIsNews) {
  Rng rng(1);
  SilentPackets silent(1s, rng);
  silent.on_unanswered("a", address(1), 5, kStart);
  EXPECT_TRUE(silent.due(5, kStart).empty());
  silent.on_news();
  EXPECT_EQ(silent.due(5, kStart + 1s).size(), 1u);
  EXPECT_TRUE(silent.due(5, kStart + 2s).empty());
  EXPECT_TRUE(silent.due(5, kStart + 2min).empty());
  EXPECT_FALSE(silent.next_deadline()) << "it answers by now";
}

}  // namespace
}  // namespace kith::membership
