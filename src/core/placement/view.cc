// SPDX-License-Identifier: Apache-2.0
#include "core/placement/view.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "core/placement/score.h"

namespace kith::placement {
namespace {

// Members that a slot's candidates are on average. Fewer would more often all be over their caps or
// in zones already used, which costs a second scan of the members; more cost time in every slot.
constexpr double kExpectedCandidates = 10;

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

ViewId id_of(std::span<const Member> sorted) {
  std::string content;
  for (const Member& member : sorted) {
    append_number(content, member.name.size());
    content += member.name;
    append_number(content, member.weight);
    append_number(content, member.zone.size());
    content += member.zone;
  }
  const std::uint64_t hash = hash_with_seed(content, kPlacementSeed);
  return ViewId{hash == 0 ? 1 : hash};
}

// A draw is mix64(seed ^ node). To tell that one is too low, collect() needs less than all of it:
// mix64's first step treats each bit alone, so that it may be done to the seed and to the node
// before they meet; and its last step leaves the top 31 bits as they are.
constexpr std::uint64_t first_step(std::uint64_t x) { return x ^ (x >> 30); }

constexpr std::uint64_t middle_steps(std::uint64_t x) {
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  return x * 0x94d049bb133111eb;
}

constexpr std::uint64_t kSameTopBits = ~std::uint64_t{0} << 33;
static_assert((middle_steps(first_step(kSlotSalt) ^ first_step(kPlacementSeed)) & kSameTopBits) ==
              (draw(kSlotSalt, NodeId{kPlacementSeed}) & kSameTopBits));

// `condition ? yes : no` that compilers leave without a branch.
constexpr std::uint64_t choose(bool condition, std::uint64_t yes, std::uint64_t no) {
  const std::uint64_t mask = 0 - std::uint64_t{condition};
  return (yes & mask) | (no & ~mask);
}

// Fills a table slot by slot.
//
// One pass over the members collects a slot's candidates: all those whose log / weight is at most
// one bound, the same for every member and slot. Whoever is not a candidate thus ranks behind
// whoever is, so a search looks at the others only when no candidate suits. The bound decides how
// often that happens, and nothing else. Members of equal weight form a class, in which the bound on
// log / weight is one on the draw, so that the pass needs no logarithms.
//
// Inside, a member goes by its position: the members sorted by weight, each class in one piece.
class Builder {
 public:
  using Index = std::uint16_t;
  using Ranks = std::array<Index, kRanks>;

  Builder(std::span<const Member> members, std::span<const NodeId> nodes, Index nobody)
      : nobody_(nobody) {
    sort_into_classes(members);
    std::uint64_t total = 0;
    for (const Member& member : members) total += member.weight;
    std::map<std::string_view, std::uint32_t> zones;
    for (const Index index : indices_) {
      const Member& member = members[index];
      nodes_.push_back(nodes[index]);
      after_first_step_.push_back(first_step(nodes[index].value));
      room_.push_back(slot_cap(member.weight, total));
      std::uint32_t zone = zone_count_;
      if (!member.zone.empty()) zone = zones.try_emplace(member.zone, zone_count_).first->second;
      if (zone == zone_count_) ++zone_count_;
      zones_.push_back(zone);
    }
    const std::uint64_t bound = candidate_bound();
    for (Class& one : classes_) one.least_draw = least_draw(bound * one.weight);
    // One more, because collect() writes before it decides.
    candidates_.resize(members.size() + 1);
    draws_.resize(members.size() + 1);
    scores_.resize(members.size() + 1);
  }

  // Requires to be called for every slot once, in increasing order.
  Ranks rank(SlotIndex slot) {
    const std::uint64_t seed = slot_seed(slot);
    collect(seed);
    Ranks ranks;
    ranks.fill(nobody_);
    const Index owner =
        best(seed, [room = room_.data()](Index member) { return room[member] > 0; });
    --room_[owner];
    ranks[0] = indices_[owner];
    if (nodes_.size() == 1) return ranks;
    const Index second = best_but(seed, owner, owner, zone_count_ > 1);
    ranks[1] = indices_[second];
    if (nodes_.size() == 2) return ranks;
    // With three zones there are, the first two ranks took two of them.
    ranks[2] = indices_[best_but(seed, owner, second, zone_count_ > 2)];
    return ranks;
  }

 private:
  static_assert(kRanks == 3);

  // The members of one weight: the positions from `first` to before `end`.
  struct Class {
    std::uint32_t weight = 1;
    std::size_t first = 0;
    std::size_t end = 0;
    // Members that draw at least this are candidates.
    std::uint64_t least_draw = 0;
  };

  static constexpr std::uint64_t kGreatestLog = std::uint64_t{64} << kLogFractionBits;

  void sort_into_classes(std::span<const Member> members) {
    std::map<std::uint32_t, std::vector<Index>> by_weight;
    for (std::size_t i = 0; i < members.size(); ++i) {
      by_weight[members[i].weight].push_back(static_cast<Index>(i));
    }
    for (const auto& [weight, indices] : by_weight) {
      Class& added = classes_.emplace_back();
      added.weight = weight;
      added.first = indices_.size();
      indices_.insert(indices_.end(), indices.begin(), indices.end());
      added.end = indices_.size();
      class_of_.resize(added.end, static_cast<Index>(classes_.size() - 1));
    }
  }

  // The log / weight up to which members are candidates. Floating point is good enough here: any
  // bound gives the same table.
  std::uint64_t candidate_bound() const {
    std::uint64_t low = 0;
    std::uint64_t high = kGreatestLog;
    while (low < high) {
      const std::uint64_t bound = low + (high - low) / 2;
      double expected = 0;
      for (const Class& one : classes_) {
        const double log = std::ldexp(static_cast<double>(bound * one.weight), -kLogFractionBits);
        expected += static_cast<double>(one.end - one.first) * (1 - std::exp2(-log));
      }
      if (expected < kExpectedCandidates) {
        low = bound + 1;
      } else {
        high = bound;
      }
    }
    return high;
  }

  // The least draw whose log is at most `log`.
  static std::uint64_t least_draw(std::uint64_t log) {
    std::uint64_t low = 0;
    std::uint64_t high = ~std::uint64_t{0};
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (neg_log2(middle) <= log) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return high;
  }

  void collect(std::uint64_t seed) {
    const std::uint64_t seed_after_first_step = first_step(seed);
    const std::uint64_t* const after_first_step = after_first_step_.data();
    Index* const candidates = candidates_.data();
    std::size_t count = 0;
    for (const Class& one : classes_) {
      const std::uint64_t least = one.least_draw & kSameTopBits;
      // All the time goes here: a few percent less of it when unrolled.
#pragma GCC unroll 8
      for (std::size_t i = one.first; i < one.end; ++i) {
        // Without a branch, which would be mispredicted for most candidates.
        candidates[count] = static_cast<Index>(i);
        count += middle_steps(seed_after_first_step ^ after_first_step[i]) >= least ? 1 : 0;
      }
    }
    keep_candidates(seed, count);
  }

  // Draws for the first `count` of candidates_ and keeps those that draw enough in all 64 bits.
  void keep_candidates(std::uint64_t seed, std::size_t count) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Index member = candidates_[i];
      candidates_[kept] = member;
      draws_[kept] = draw(seed, nodes_[member]);
      kept += draws_[kept] >= classes_[class_of_[member]].least_draw ? 1 : 0;
    }
    candidate_count_ = kept;
    if (classes_.size() == 1) return;
    for (std::size_t i = 0; i < kept; ++i) {
      scores_[i] = {draws_[i], neg_log2(draws_[i]), classes_[class_of_[candidates_[i]]].weight};
    }
  }

  // The first-ranked member but `a` and `b`, and in none of their zones if `zones_too`. Requires
  // one to exist.
  Index best_but(std::uint64_t seed, Index a, Index b, bool zones_too) const {
    if (!zones_too) {
      return best(seed, [a, b](Index member) { return (member != a) & (member != b); });
    }
    const std::uint32_t* const zones = zones_.data();
    return best(seed, [zones, of_a = zones[a], of_b = zones[b]](Index member) {
      return (zones[member] != of_a) & (zones[member] != of_b);
    });
  }

  // The first-ranked member that `suits`. Requires one to exist.
  template <class Suits>
  Index best(std::uint64_t seed, const Suits& suits) const {
    const std::size_t count = candidate_count_;
    const Index* const candidates = candidates_.data();
    std::size_t found = count;
    if (classes_.size() == 1) {
      const std::uint64_t* const draws = draws_.data();
      // Without branches as well. A draw of zero is never found here, but by best_of_all().
      std::uint64_t top = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t value = choose(suits(candidates[i]), draws[i], 0);
        found = choose(value > top, i, found);
        top = choose(value > top, value, top);
      }
    } else {
      const Score* const scores = scores_.data();
      for (std::size_t i = 0; i < count; ++i) {
        if (!suits(candidates[i])) continue;
        if (found == count || before(scores[i], scores[found])) found = i;
      }
    }
    return found < count ? candidates[found] : best_of_all(seed, suits);
  }

  template <class Suits>
  Index best_of_all(std::uint64_t seed, const Suits& suits) const {
    Score best_score;
    Index best_member = nobody_;
    for (const Class& one : classes_) {
      std::uint64_t top = 0;
      Index leader = nobody_;
      for (std::size_t i = one.first; i < one.end; ++i) {
        const Index member = static_cast<Index>(i);
        const std::uint64_t value = draw(seed, nodes_[i]);
        if ((value > top || leader == nobody_) && suits(member)) {
          top = value;
          leader = member;
        }
      }
      if (leader == nobody_) continue;
      const Score score{top, neg_log2(top), one.weight};
      if (best_member == nobody_ || before(score, best_score)) {
        best_score = score;
        best_member = leader;
      }
    }
    KITH_CHECK(best_member != nobody_);
    return best_member;
  }

  const Index nobody_;
  std::uint32_t zone_count_ = 0;
  std::vector<Class> classes_;
  // By position. A member without a zone has one to itself.
  std::vector<Index> indices_;
  std::vector<Index> class_of_;
  std::vector<NodeId> nodes_;
  std::vector<std::uint64_t> after_first_step_;
  std::vector<std::uint32_t> zones_;
  std::vector<std::uint32_t> room_;

  // Of the slot at hand, its candidates' positions. Scores only when there are several classes.
  std::size_t candidate_count_ = 0;
  std::vector<Index> candidates_;
  std::vector<std::uint64_t> draws_;
  std::vector<Score> scores_;
};

}  // namespace

std::shared_ptr<const View> View::build(std::vector<Member> members) {
  const std::string problem = validate(members);
  KITH_CHECK(problem.empty());
  std::ranges::sort(members, {}, &Member::name);
  const std::shared_ptr<View> view(new View);
  view->members_ = std::move(members);
  view->id_ = id_of(view->members_);
  for (const Member& member : view->members_) {
    view->by_id_.emplace_back(node_id(member.name),
                              static_cast<std::uint16_t>(view->nodes_.size()));
    view->nodes_.push_back(node_id(member.name));
  }
  std::ranges::sort(view->by_id_);

  Builder builder(view->members_, view->nodes_, kNobody);
  view->table_.resize(kSlotCount);
  for (std::uint32_t slot = 0; slot < kSlotCount; ++slot) {
    view->table_[slot] = builder.rank(SlotIndex{static_cast<std::uint16_t>(slot)});
  }
  return view;
}

std::size_t View::memory_bytes() const {
  std::size_t bytes = sizeof(View) + table_.capacity() * sizeof(Ranks) +
                      members_.capacity() * sizeof(Member) + nodes_.capacity() * sizeof(NodeId) +
                      by_id_.capacity() * sizeof(by_id_[0]);
  for (const Member& member : members_) bytes += member.name.size() + member.zone.size();
  return bytes;
}

std::string View::validate(std::span<const Member> members) {
  if (members.empty()) return "a view needs at least one member";
  if (members.size() > kMaxMembers) {
    return "a view has at most " + std::to_string(kMaxMembers) + " members, not " +
           std::to_string(members.size());
  }
  std::vector<std::pair<NodeId, std::string_view>> names;
  names.reserve(members.size());
  for (const Member& member : members) {
    if (member.name.empty()) return "a member has no name";
    if (member.weight < 1 || member.weight > kMaxWeight) {
      return "the weight of " + member.name + " is " + std::to_string(member.weight) +
             ", not in 1 to " + std::to_string(kMaxWeight);
    }
    names.emplace_back(node_id(member.name), member.name);
  }
  std::ranges::sort(names);
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i].first != names[i - 1].first) continue;
    const std::string name(names[i].second);
    if (names[i].second == names[i - 1].second) return name + " is a member twice";
    return name + " and " + std::string(names[i - 1].second) +
           " hash to the same id; rename one of them";
  }
  return {};
}

const Member* View::find(NodeId node) const {
  const auto found =
      std::ranges::lower_bound(by_id_, node, {}, &decltype(by_id_)::value_type::first);
  if (found == by_id_.end() || found->first != node) return nullptr;
  return &members_[found->second];
}

}  // namespace kith::placement
