// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace kith::edge {

/// The slice of a node with `slices` loops that a slot belongs to. Part of the protocol: both ends
/// of a connection compute it.
constexpr std::uint16_t slice_of(SlotIndex slot, std::uint16_t slices) {
  return static_cast<std::uint16_t>(std::uint32_t{slot.value} * slices / kSlotCount);
}

/// Slices `first` to `last` of another node.
struct SliceRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  friend bool operator==(const SliceRange&, const SliceRange&) = default;
};

/// The slices of a node with `theirs` loops whose slots overlap those of the slice `mine` of a node
/// with `ours` loops.
constexpr SliceRange overlap(std::uint16_t mine, std::uint16_t ours, std::uint16_t theirs) {
  // The first slot of a slice is the least one whose product with `ours` reaches the slice.
  const auto first_slot = [ours](std::uint32_t slice) {
    return (slice * kSlotCount + ours - 1) / ours;
  };
  const std::uint32_t first = first_slot(mine);
  const std::uint32_t last = first_slot(mine + 1u) - 1;
  return {slice_of(SlotIndex{static_cast<std::uint16_t>(first)}, theirs),
          slice_of(SlotIndex{static_cast<std::uint16_t>(last)}, theirs)};
}

}  // namespace kith::edge
