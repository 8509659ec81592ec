// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace kith {

/// An integer that cannot be mistaken for another kind of integer.
template <class Tag, class Rep>
struct StrongId {
  Rep value{};

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 mistakes what the compiler generates
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
  template <class H>
  friend H AbslHashValue(H state, const StrongId& id) {
    return H::combine(std::move(state), id.value);
  }
};

/// Hash of a node's name, which is its advertised address: the same node after a restart.
using NodeId = StrongId<struct NodeIdTag, std::uint64_t>;
/// Names one run of a node. Greater at every start: milliseconds of wall clock << 16 | random bits.
using BootId = StrongId<struct BootIdTag, std::uint64_t>;
/// Hash of a cache's name, the same on every node.
using CacheId = StrongId<struct CacheIdTag, std::uint64_t>;
/// Hash of the sorted content of a view.
using ViewId = StrongId<struct ViewIdTag, std::uint64_t>;
/// One of kSlotCount ranges of the key hash: the unit of ownership.
using SlotIndex = StrongId<struct SlotIndexTag, std::uint16_t>;

inline constexpr std::uint32_t kSlotCount = 65'536;

}  // namespace kith
