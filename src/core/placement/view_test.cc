// SPDX-License-Identifier: Apache-2.0
#include "core/placement/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <span>
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
  std::map<NodeId, std::uint32_t> by_node;
  for (std::uint32_t i = 0; i < kSlotCount; ++i) ++by_node[view.owner(slot(i))];
  std::map<std::string, std::uint32_t> owned;
  for (const Member& member : view.members()) owned[member.name] = by_node[node_id(member.name)];
  return owned;
}

std::uint64_t table_hash(const View& view) {
  std::string bytes(kSlotCount * kRanks * 8, '\0');
  char* next = bytes.data();
  for (std::uint32_t i = 0; i < kSlotCount; ++i) {
    for (std::size_t rank = 0; rank < kRanks; ++rank) {
      const std::uint64_t node = view.ranked(slot(i), rank).value_or(NodeId{}).value;
      for (int shift = 0; shift < 64; shift += 8) *next++ = static_cast<char>(node >> shift);
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

// The definition of docs/notes.md, step by step: every member scored for every slot, and for each
// rank all of them compared.
class Reference {
 public:
  /// Indices into `members`; -1 where there is nobody.
  using Ranks = std::array<int, kRanks>;

  explicit Reference(const Members& members) : members_(members) {
    std::uint64_t total = 0;
    for (const Member& member : members_) total += member.weight;
    for (const Member& member : members_) {
      const std::uint64_t slots = member.weight * std::uint64_t{65'536};
      room_.push_back(std::max(slots * 105 / (total * 100), (slots + total - 1) / total));
      ids_.push_back(placement_hash(member.name));
    }
    x_.resize(members_.size());
    log_.resize(members_.size());
  }

  /// Requires to be called for every slot once, in increasing order.
  int owner(std::uint32_t slot) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      x_[i] = mix64(mix64(slot + 0x9e3779b97f4a7c15) ^ ids_[i]);
      log_[i] = neg_log2(x_[i]);
    }
    const int found = first([&](int i) { return room_[as_index(i)] > 0; });
    --room_[as_index(found)];
    return found;
  }

  /// The owner and its stand-ins, for the slot whose owner was asked for last.
  Ranks ranks(int owner) const {
    Ranks ranks;
    ranks.fill(-1);
    ranks[0] = owner;
    for (std::size_t rank = 1; rank < std::min(kRanks, members_.size()); ++rank) {
      const std::span<const int> chosen(ranks.data(), rank);
      const auto is_free = [&](int i) { return std::ranges::find(chosen, i) == chosen.end(); };
      ranks[rank] = first([&](int i) {
        return is_free(i) &&
               std::ranges::none_of(chosen, [&](int other) { return share_a_zone(i, other); });
      });
      if (ranks[rank] == -1) ranks[rank] = first(is_free);
    }
    return ranks;
  }

 private:
  static std::size_t as_index(int i) { return static_cast<std::size_t>(i); }

  bool share_a_zone(int a, int b) const {
    const std::string& zone = members_[as_index(a)].zone;
    return !zone.empty() && zone == members_[as_index(b)].zone;
  }

  bool ranks_before(std::size_t a, std::size_t b) const {
    const auto left = static_cast<unsigned __int128>(log_[a]) * members_[b].weight;
    const auto right = static_cast<unsigned __int128>(log_[b]) * members_[a].weight;
    if (left != right) return left < right;
    return x_[a] > x_[b];
  }

  template <class Suits>
  int first(const Suits& suits) const {
    int best = -1;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (best != -1 && !ranks_before(i, as_index(best))) continue;
      if (suits(static_cast<int>(i))) best = static_cast<int>(i);
    }
    return best;
  }

  const Members& members_;
  std::vector<std::uint64_t> room_;
  std::vector<std::uint64_t> ids_;
  // Of the slot at hand.
  std::vector<std::uint64_t> x_;
  std::vector<std::uint64_t> log_;
};

// Compares the owners of all slots, since each depends on those of the slots before, and the
// stand-ins, which depend on nothing else, of every seventh.
std::string first_difference(const View& view, const Members& members) {
  const auto node_of = [&](int i) {
    return i < 0 ? std::nullopt : std::optional(node_id(members[static_cast<std::size_t>(i)].name));
  };
  const auto name_of = [&](std::optional<NodeId> node) {
    return node ? view.find(*node)->name : "nobody";
  };
  Reference reference(members);
  for (std::uint32_t s = 0; s < kSlotCount; ++s) {
    const int owner = reference.owner(s);
    Reference::Ranks expected = {owner};
    const std::size_t compared = s % 7 == 0 ? kRanks : 1;
    if (compared > 1) expected = reference.ranks(owner);
    for (std::size_t rank = 0; rank < compared; ++rank) {
      if (view.ranked(slot(s), rank) == node_of(expected[rank])) continue;
      return "slot " + std::to_string(s) + " rank " + std::to_string(rank) + ": " +
             name_of(view.ranked(slot(s), rank)) + " instead of " +
             name_of(node_of(expected[rank]));
    }
  }
  return {};
}

Members any_members(std::size_t count, bool equal_weights) {
  constexpr std::array<std::uint32_t, 7> kWeights = {1, 1, 2, 3, 7, 50, kMaxWeight};
  constexpr std::array<const char*, 5> kZones = {"", "x", "x", "y", "z"};
  Rng rng(count);
  Members members = numbered(count);
  rng.shuffle(std::span<Member>(members));
  for (Member& member : members) {
    if (!equal_weights) member.weight = kWeights[rng.below(kWeights.size())];
    member.zone = kZones[rng.below(kZones.size())];
  }
  return members;
}

TEST(View, IsWhatTheDefinitionSaysForAnyMembers) {
  for (const std::size_t count : {1u, 2u, 3u, 4u, 7u, 13u}) {
    for (const bool equal_weights : {true, false}) {
      const Members members = any_members(count, equal_weights);
      EXPECT_EQ(first_difference(*View::build(members), members), "")
          << count << (equal_weights ? " of equal" : " of other") << " weights";
    }
  }
}

TEST(View, IsWhatTheDefinitionSaysForManyEqualMembers) {
  const Members members = numbered(70);
  EXPECT_EQ(first_difference(*View::build(members), members), "");
}

// The few members outside zone x stand in for the others but are seldom candidates, so that the
// second scan is used, and has to compare weights.
TEST(View, IsWhatTheDefinitionSaysForFewMembersOutsideALargeZone) {
  Members members = numbered(60);
  for (Member& member : members) member.zone = "x";
  members[17].weight = kMaxWeight;
  members[18].zone = "y";
  members[19].zone = "y";
  members[19].weight = 3;
  EXPECT_EQ(first_difference(*View::build(members), members), "");
}

// ---- Properties ----

TEST(View, DoesNotDependOnTheOrderOfItsMembers) {
  Members members = numbered(15);
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
  for (const std::size_t count : {10u, 100u, 1000u}) {
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
  for (const std::size_t leaver : {0u, 99u}) {
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
