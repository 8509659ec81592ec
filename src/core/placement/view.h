// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace kith::placement {

/// A node that takes part in placing keys.
struct Member {
  /// Its advertised address, the same string on every node.
  std::string name;
  /// Share of the slots, relative to the others'. 1 to kMaxWeight.
  std::uint32_t weight = 1;
  std::string zone = {};

  friend bool operator==(const Member&, const Member&) = default;
};
inline constexpr std::uint32_t kMaxWeight = 1000;
/// Most members of a view: their indices fit 16 bits, with one to spare.
inline constexpr std::size_t kMaxMembers = 65'534;

/// Ranked nodes kept per slot: the owner, then the stand-ins in order.
inline constexpr std::size_t kRanks = 3;

/// Who owns what: an immutable, shared snapshot, a pure function of the set of members. Building
/// one takes milliseconds and belongs off the loop thread; a lookup takes a few nanoseconds. See
/// "Placement" in docs/notes.md for the algorithm and its test vectors.
class View {
 public:
  /// Builds the view of `members`, in any order. Requires distinct names, distinct NodeIds, weights
  /// in range, 1 to kMaxMembers members: see validate().
  static std::shared_ptr<const View> build(std::vector<Member> members);
  /// What is wrong with the list, in words; empty when nothing is.
  static std::string validate(std::span<const Member> members);

  ViewId id() const { return id_; }
  /// Sorted by name.
  std::span<const Member> members() const { return members_; }
  std::span<const NodeId> nodes() const { return nodes_; }
  /// Of memory.
  std::size_t memory_bytes() const;
  /// Null when the node is not in this view.
  const Member* find(NodeId node) const;

  NodeId owner(SlotIndex slot) const { return nodes_[table_[slot.value][0]]; }
  /// The ranked node `rank` of a slot, rank 0 being the owner. Empty: the view has fewer members.
  std::optional<NodeId> ranked(SlotIndex slot, std::size_t rank) const {
    const std::uint16_t index = table_[slot.value][rank];
    if (index == kNobody) return std::nullopt;
    return nodes_[index];
  }

 private:
  static constexpr std::uint16_t kNobody = 0xffff;
  using Ranks = std::array<std::uint16_t, kRanks>;

  View() = default;

  ViewId id_;
  std::vector<Member> members_;
  std::vector<NodeId> nodes_;
  /// nodes_ sorted, with indices, for find().
  std::vector<std::pair<NodeId, std::uint16_t>> by_id_;
  std::vector<Ranks> table_;
};

}  // namespace kith::placement
