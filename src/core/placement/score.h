// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/hash.h"
#include "base/ids.h"

// The arithmetic that ranks members for a slot. Integers only, each step specified, because every
// CPU, compiler and release must get the same bits. See "Placement" in docs/notes.md.
namespace kith::placement {

/// Sets the slots' random numbers apart from those of other uses of mix64.
inline constexpr std::uint64_t kSlotSalt = 0x9e3779b97f4a7c15;

/// The random number of a slot, the same for every member.
constexpr std::uint64_t slot_seed(SlotIndex slot) { return mix64(slot.value + kSlotSalt); }

/// A member's random number for a slot. No two members of a view share one: mix64 is a bijection
/// and their NodeIds differ. Among members of equal weight the greatest is ranked first.
constexpr std::uint64_t draw(std::uint64_t slot_seed, NodeId node) {
  return mix64(slot_seed ^ node.value);
}

/// Fraction bits of neg_log2(). 6 integer bits, 10 bits of weight and these fit 64 bits together.
inline constexpr int kLogFractionBits = 47;
inline constexpr int kLogTableBits = 10;

/// log2(1 + i / 1024) for i = 0..1024 in 47-bit fixed point, found bit by bit: square a 64-bit
/// mantissa in [1, 2); when the square is 2 or more the bit is one and the mantissa is halved.
/// Bits that do not fit are cut off, here and everywhere else.
constexpr auto make_log_table() {
  constexpr std::size_t kSteps = std::size_t{1} << kLogTableBits;
  std::array<std::uint64_t, kSteps + 1> table{};
  for (std::size_t i = 0; i < kSteps; ++i) {
    std::uint64_t mantissa = (std::uint64_t{1} << 63) + (std::uint64_t{i} << (63 - kLogTableBits));
    std::uint64_t log = 0;
    for (int bit = 0; bit < kLogFractionBits; ++bit) {
      const auto square = static_cast<unsigned __int128>(mantissa) * mantissa;
      const bool two_or_more = (square >> 127) != 0;
      mantissa = static_cast<std::uint64_t>(square >> (two_or_more ? 64 : 63));
      log = (log << 1) | (two_or_more ? 1 : 0);
    }
    table[i] = log;
  }
  table[kSteps] = std::uint64_t{1} << kLogFractionBits;
  return table;
}
inline constexpr auto kLogTable = make_log_table();

/// -log2((x + 1) / 2^64) in 47-bit fixed point, from 64 (x = 0) down to 0 (x = 2^64 - 1), linear
/// between the table's entries. Never rises as x rises.
constexpr std::uint64_t neg_log2(std::uint64_t x) {
  const std::uint64_t y = x + 1;
  if (y == 0) return 0;
  const int leading = std::countl_zero(y);
  // The bits after the leading one: the high ten choose the entry, the other 54 interpolate.
  const std::uint64_t fraction = (y << leading) << 1;
  const std::uint64_t index = fraction >> (64 - kLogTableBits);
  const std::uint64_t rest = fraction & ((std::uint64_t{1} << (64 - kLogTableBits)) - 1);
  const std::uint64_t rise = kLogTable[index + 1] - kLogTable[index];
  const std::uint64_t log =
      kLogTable[index] + static_cast<std::uint64_t>((static_cast<unsigned __int128>(rise) * rest) >>
                                                    (64 - kLogTableBits));
  return (static_cast<std::uint64_t>(leading + 1) << kLogFractionBits) - log;
}

/// What decides a member's place in the ranking for one slot.
struct Score {
  std::uint64_t draw = 0;
  /// neg_log2(draw).
  std::uint64_t log = 0;
  std::uint32_t weight = 1;
};

/// Whether `a` ranks before `b`: by log / weight, the smaller first, compared exactly; then by
/// draw, the greater first. For equal weights this is the order of the draws, since neg_log2 never
/// rises.
constexpr bool before(const Score& a, const Score& b) {
  const std::uint64_t left = a.log * b.weight;
  const std::uint64_t right = b.log * a.weight;
  if (left != right) return left < right;
  return a.draw > b.draw;
}

/// Most slots that a member of `weight` may own, of members weighing `total` together: 1.05 times
/// its share rounded down, or its share rounded up when that is more. So the caps add up to all
/// slots or more, and from a share of 20 slots on nobody has more than 1.05 times its share.
constexpr std::uint32_t slot_cap(std::uint64_t weight, std::uint64_t total) {
  const std::uint64_t slots = weight * kSlotCount;
  const std::uint64_t with_slack = slots * 105 / (total * 100);
  const std::uint64_t rounded_up = (slots + total - 1) / total;
  return static_cast<std::uint32_t>(with_slack > rounded_up ? with_slack : rounded_up);
}

}  // namespace kith::placement
