// SPDX-License-Identifier: Apache-2.0
#include "core/placement/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "core/placement/score.h"

namespace kith::placement {
namespace {

using ::testing::HasSubstr;

using Members = std::vector<Member>;

SlotIndex slot(std::uint32_t value) { return SlotIndex{static_cast<std::uint16_t>(value)}; }

Members numbered(std::size_t count) {
  Members members;
  for (std::size_t i = 0; i < count; ++i) {
    members.push_back({.name = "node-" + std::to_string(i) + ":7400"});
  }
  return members;
}

// Slots owned, by member name; members without any are there too.
std::map<std::string, std::uint32_t> owned_slots(const View& view) {
  std::map<std::string, std::uint32_t> owned;
  for (const Member& member : view.members()) owned[member.name] = 0;
  for (std::uint32_t i = 0; i < kSlotCount; ++i) ++owned[view.find(view.owner(slot(i)))->name];
  return owned;
}

std::uint64_t table_hash(const View& view) {
  std::string bytes;
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    for (std::size_t rank = 0; rank < kRanks; ++rank) {
      const std::uint64_t node = view.ranked(slot(i), rank).value_or(NodeId{}).value;
      for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(node >> shift));
    }
  }
  return hash_with_seed(bytes, kPlacementSeed);
}

// ---- Vectors, published in docs/notes.md ----

struct Vector {
  const char* title;
  Members members;
  std::uint64_t id;
  // Owners of slots 0, 1, 2, 32768 and 65535, as indices of `members`.
  std::array<std::size_t, 5> owners;
  std::uint64_t table;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> kVectors = {
      {"one", Members{{"a:1"}}, 0x14a61920e31cb8e3, {0, 0, 0, 0, 0}, 0xebf128bfcb81d037},
      {"two", {{"a:1"}, {"b:1"}}, 0xbef4ef669357e3b5, {1, 0, 0, 1, 0}, 0xf84c9291413cf0c5},
      {"three",
       {{"10.0.0.1:7400"}, {"10.0.0.2:7400"}, {"10.0.0.3:7400"}},
       0x86a46a5170b878e4,
       {1, 1, 2, 0, 1},
       0xcbcc92f6c575141b},
      {"weights",
       {{"a:1", 1}, {"b:1", 2}, {"c:1", 5}},
       0xc10f71870fe741ff,
       {2, 0, 2, 1, 1},
       0x2183962941068921},
      {"zones",
       {{"a:1", 1, "x"}, {"b:1", 1, "x"}, {"c:1", 1, "y"}, {"d:1", 3, "y"}, {"e:1", 2, ""}},
       0xb596a16999d0eb2d,
       {3, 4, 3, 1, 4},
       0x4c9422802a1f539a},
      {"hundred", numbered(100), 0x9792765546d20f90, {95, 61, 17, 62, 35}, 0x5a12c754645824b6},
  };
  return kVectors;
}

TEST(PlacementVectors, HoldForIdOwnersAndWholeTable) {
  constexpr std::array<std::uint32_t, 5> kSlots = {0, 1, 2, 32768, 65535};
  for (const Vector& vector : vectors()) {
    SCOPED_TRACE(vector.title);
    const auto view = View::build(vector.members);
    EXPECT_EQ(view->id().value, vector.id) << std::hex << "0x" << view->id().value;
    for (std::size_t i = 0; i < kSlots.size(); ++i) {
      EXPECT_EQ(view->find(view->owner(slot(kSlots[i])))->name,
                vector.members[vector.owners[i]].name)
          << "slot " << kSlots[i];
    }
    EXPECT_EQ(table_hash(*view), vector.table) << std::hex << "0x" << table_hash(*view);
  }
}

TEST(PlacementVectors, HoldForTheLogarithm) {
  EXPECT_EQ(neg_log2(0), std::uint64_t{64} << kLogFractionBits);
  EXPECT_EQ(neg_log2(1), std::uint64_t{63} << kLogFractionBits);
  EXPECT_EQ(neg_log2((std::uint64_t{1} << 63) - 1), std::uint64_t{1} << kLogFractionBits);
  EXPECT_EQ(neg_log2(~std::uint64_t{0}), 0u);
  EXPECT_EQ(neg_log2(0xc000'0000'0000'0000), 58'411'335'221'781u);
  EXPECT_EQ(neg_log2(0x0123'4567'89ab'cdef), 1'099'691'945'189'471u);
  std::string bytes;
  for (const std::uint64_t entry : kLogTable) {
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(entry >> shift));
  }
  EXPECT_EQ(hash_with_seed(bytes, kPlacementSeed), 0xeac9a1c66c7d3628);
}

// ---- The logarithm ----

TEST(NegLog2, IsCloseToTheRealOne) {
  Rng rng(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t x = rng.next() >> rng.below(64);
    const double exact = 64 - std::log2(static_cast<double>(x) + 1);
    EXPECT_NEAR(std::ldexp(static_cast<double>(neg_log2(x)), -kLogFractionBits), exact, 2e-7) << x;
  }
}

TEST(NegLog2, NeverRisesWithItsArgument) {
  Rng rng(2);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t x = rng.next() >> rng.below(64);
    const std::uint64_t step = 1 + (rng.next() >> rng.below(64));
    const std::uint64_t y = x > ~std::uint64_t{0} - step ? ~std::uint64_t{0} : x + step;
    EXPECT_GE(neg_log2(x), neg_log2(x + 1)) << x;
    EXPECT_GE(neg_log2(x), neg_log2(y)) << x << ' ' << y;
  }
}

// ---- The table against the definition ----

// The definition of docs/notes.md, step by step: all members sorted for every slot.
std::vector<std::array<std::string, kRanks>> reference_table(Members members) {
  std::ranges::sort(members, {}, &Member::name);
  std::uint64_t total = 0;
  for (const Member& member : members) total += member.weight;
  std::map<std::string, std::uint64_t> room;
  for (const Member& member : members) {
    const std::uint64_t slots = member.weight * std::uint64_t{65'536};
    room[member.name] = std::max(slots * 105 / (total * 100), (slots + total - 1) / total);
  }
  std::vector<std::array<std::string, kRanks>> table(65'536);
  for (std::uint32_t s = 0; s < 65'536; ++s) {
    struct Entry {
      const Member* member;
      std::uint64_t x;
      std::uint64_t log;
    };
    std::vector<Entry> order;
    for (const Member& member : members) {
      const std::uint64_t x = mix64(mix64(s + 0x9e3779b97f4a7c15) ^ placement_hash(member.name));
      order.push_back({&member, x, neg_log2(x)});
    }
    std::ranges::sort(order, [](const Entry& a, const Entry& b) {
      const auto left = static_cast<unsigned __int128>(a.log) * b.member->weight;
      const auto right = static_cast<unsigned __int128>(b.log) * a.member->weight;
      if (left != right) return left < right;
      return a.x > b.x;
    });
    auto& ranks = table[s];
    const auto take = [&](std::size_t rank, auto suits) {
      const auto found = std::ranges::find_if(order, suits);
      if (found == order.end()) return false;
      ranks[rank] = found->member->name;
      order.erase(found);
      return true;
    };
    std::set<std::string> zones;
    const auto note_zone = [&](std::size_t rank) {
      const auto member = std::ranges::find(members, ranks[rank], &Member::name);
      if (!member->zone.empty()) zones.insert(member->zone);
    };
    take(0, [&](const Entry& entry) { return room[entry.member->name] > 0; });
    --room[ranks[0]];
    note_zone(0);
    for (std::size_t rank = 1; rank < kRanks && !order.empty(); ++rank) {
      if (!take(rank, [&](const Entry& entry) { return !zones.contains(entry.member->zone); })) {
        take(rank, [](const Entry&) { return true; });
      }
      note_zone(rank);
    }
  }
  return table;
}

std::string first_difference(const View& view, const Members& members) {
  const auto expected = reference_table(members);
  for (std::uint32_t s = 0; s < kSlotCount; ++s) {
    for (std::size_t rank = 0; rank < kRanks; ++rank) {
      const auto node = view.ranked(slot(s), rank);
      const std::string name = node ? view.find(*node)->name : std::string();
      if (name != expected[s][rank]) {
        return "slot " + std::to_string(s) + " rank " + std::to_string(rank) + ": " + name +
               " instead of " + expected[s][rank];
      }
    }
  }
  return {};
}

rc::Gen<Members> any_members() {
  return rc::gen::exec([] {
    const auto names = *rc::gen::unique<std::vector<int>>(*rc::gen::inRange<std::size_t>(1, 14),
                                                          rc::gen::inRange(0, 1'000'000));
    const bool equal_weights = *rc::gen::arbitrary<bool>();
    Members members;
    for (const int name : names) {
      members.push_back(
          {.name = "n" + std::to_string(name),
           .weight = equal_weights ? 1 : *rc::gen::element<std::uint32_t>(1, 1, 2, 3, 7, 50, 1000),
           .zone = *rc::gen::element<std::string>("", "x", "x", "y", "z")});
    }
    return members;
  });
}

TEST(View, IsWhatTheDefinitionSaysForAnyMembers) {
  EXPECT_TRUE(rc::check([] {
    const Members members = *any_members();
    RC_ASSERT(first_difference(*View::build(members), members) == "");
  }));
}

TEST(View, IsWhatTheDefinitionSaysForManyEqualMembers) {
  const Members members = numbered(150);
  EXPECT_EQ(first_difference(*View::build(members), members), "");
}

// One heavy member leaves few candidates among the light ones, so that the second scan is used.
TEST(View, IsWhatTheDefinitionSaysForOneHeavyMemberInItsZone) {
  Members members = numbered(60);
  for (Member& member : members) member.zone = "x";
  members[17].weight = kMaxWeight;
  members[18].zone = "y";
  EXPECT_EQ(first_difference(*View::build(members), members), "");
}

// ---- Properties ----

TEST(View, DoesNotDependOnTheOrderOfItsMembers) {
  Members members = numbered(30);
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i].weight = static_cast<std::uint32_t>(1 + i % 4);
    members[i].zone = std::string(i % 3, 'z');
  }
  const auto view = View::build(members);
  Rng rng(3);
  rng.shuffle(std::span<Member>(members));
  const auto shuffled = View::build(members);
  EXPECT_EQ(shuffled->id(), view->id());
  EXPECT_EQ(table_hash(*shuffled), table_hash(*view));
}

TEST(View, IdCoversNameWeightAndZone) {
  const ViewId id = View::build({{"a:1", 1, "x"}, {"b:1", 1, "x"}})->id();
  EXPECT_NE(View::build({{"a:1", 1, "x"}, {"c:1", 1, "x"}})->id(), id);
  EXPECT_NE(View::build({{"a:1", 2, "x"}, {"b:1", 1, "x"}})->id(), id);
  EXPECT_NE(View::build({{"a:1", 1, "y"}, {"b:1", 1, "x"}})->id(), id);
  EXPECT_NE(View::build({{"a:1", 1, "x"}})->id(), id);
}

TEST(View, NobodyOwnsMoreThanFivePercentAboveItsShare) {
  for (const std::size_t count : {10u, 100u, 256u, 1000u}) {
    const auto view = View::build(numbered(count));
    const double share = double{kSlotCount} / static_cast<double>(count);
    for (const auto& [name, owned] : owned_slots(*view)) {
      EXPECT_LE(owned / share, 1.05) << name << " of " << count;
    }
  }
}

TEST(View, SharesFollowWeightsWithinFivePercent) {
  Members members;
  for (std::uint32_t i = 0; i < 40; ++i) {
    members.push_back({.name = "m" + std::to_string(i), .weight = 1 + i % 5});
  }
  const auto view = View::build(members);
  std::map<std::uint32_t, double> by_weight;
  for (const auto& [name, owned] : owned_slots(*view)) {
    const std::uint32_t weight = std::ranges::find(members, name, &Member::name)->weight;
    EXPECT_LE(owned, 1.05 * weight * kSlotCount / 120.0) << name;
    by_weight[weight] += owned;
  }
  for (const auto& [weight, owned] : by_weight) {
    EXPECT_NEAR(owned / (8.0 * weight * kSlotCount / 120.0), 1, 0.05) << weight;
  }
}

// Slots whose owner differs between two views.
std::uint32_t moved(const View& before_change, const View& after_change) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    count += before_change.owner(slot(i)) != after_change.owner(slot(i)) ? 1 : 0;
  }
  return count;
}

TEST(View, ALeaveMovesLittleMoreThanTheSlotsOfWhoLeft) {
  const Members members = numbered(100);
  const auto view = View::build(members);
  for (const std::size_t leaver : {0u, 33u, 99u}) {
    Members rest = members;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(leaver));
    const auto owned = owned_slots(*view)[members[leaver].name];
    EXPECT_LE(moved(*view, *View::build(rest)), 1.05 * owned) << members[leaver].name;
  }
}

TEST(View, RanksAreDistinctNodes) {
  const auto view = View::build(numbered(5));
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    std::set<NodeId> nodes;
    for (std::size_t rank = 0; rank < kRanks; ++rank) nodes.insert(*view->ranked(slot(i), rank));
    ASSERT_EQ(nodes.size(), kRanks) << i;
    ASSERT_EQ(*view->ranked(slot(i), 0), view->owner(slot(i)));
  }
}

TEST(View, RanksAreInDistinctZonesWhileThereAreAny) {
  Members members = numbered(12);
  for (std::size_t i = 0; i < members.size(); ++i) members[i].zone = i % 2 == 0 ? "x" : "y";
  members[5].zone = "z";
  const auto view = View::build(members);
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    std::set<std::string> zones;
    for (std::size_t rank = 0; rank < kRanks; ++rank) {
      zones.insert(view->find(*view->ranked(slot(i), rank))->zone);
    }
    ASSERT_EQ(zones.size(), 3u) << i;
  }
}

TEST(View, OneMemberOwnsEverythingAndHasNoStandIn) {
  const auto view = View::build({{"a:1"}});
  EXPECT_EQ(owned_slots(*view)["a:1"], kSlotCount);
  EXPECT_EQ(view->ranked(slot(7), 1), std::nullopt);
  EXPECT_EQ(view->ranked(slot(7), 2), std::nullopt);
}

TEST(View, TwoMembersStandInForEachOther) {
  const auto view = View::build({{"a:1"}, {"b:1"}});
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    const NodeId other = view->owner(slot(i)) == node_id("a:1") ? node_id("b:1") : node_id("a:1");
    ASSERT_EQ(view->ranked(slot(i), 1), other);
    ASSERT_EQ(view->ranked(slot(i), 2), std::nullopt);
  }
  EXPECT_NEAR(owned_slots(*view)["a:1"], kSlotCount / 2, 0.05 * kSlotCount / 2);
}

TEST(View, FindsMembersByNode) {
  const auto view = View::build({{"a:1", 3, "x"}, {"b:1"}});
  ASSERT_NE(view->find(node_id("a:1")), nullptr);
  EXPECT_EQ(*view->find(node_id("a:1")), (Member{"a:1", 3, "x"}));
  EXPECT_EQ(view->find(node_id("c:1")), nullptr);
}

// ---- Validation ----

TEST(ViewValidate, AcceptsAProperList) {
  EXPECT_EQ(View::validate(Members{{"a:1", 1}, {"b:1", kMaxWeight, "x"}}), "");
}

TEST(ViewValidate, RefusesNoMembers) {
  EXPECT_THAT(View::validate(Members{}), HasSubstr("at least one"));
}

TEST(ViewValidate, RefusesAnEmptyName) {
  EXPECT_THAT(View::validate(Members{{""}}), HasSubstr("no name"));
}

TEST(ViewValidate, RefusesTheSameNameTwice) {
  EXPECT_THAT(View::validate(Members{{"a:1"}, {"b:1"}, {"a:1", 2}}),
              HasSubstr("a:1 is a member twice"));
}

TEST(ViewValidate, RefusesWeightsOutOfRange) {
  EXPECT_THAT(View::validate(Members{{"a:1", 0}}), HasSubstr("weight of a:1 is 0"));
  EXPECT_THAT(View::validate(Members{{"a:1", 1001}}), HasSubstr("weight of a:1 is 1001"));
}

TEST(ViewValidate, RefusesTooManyMembers) {
  EXPECT_EQ(View::validate(numbered(kMaxMembers)), "");
  EXPECT_THAT(View::validate(numbered(kMaxMembers + 1)), HasSubstr("at most 65534"));
}

}  // namespace
}  // namespace kith::placement
