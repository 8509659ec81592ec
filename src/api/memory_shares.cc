// SPDX-License-Identifier: Apache-2.0
#include "api/memory_shares.h"

#include <algorithm>

namespace kith::api {
namespace {

/// No cache is left with less.
constexpr std::uint64_t kLeastBudget = 64u << 10;
/// A cache grows by at most an eighth at a time, so that one that is filled once does not take all
/// before others have shown what they need; but by this much at least.
constexpr std::uint64_t kGrowthShare = 8;
constexpr std::uint64_t kLeastGrowth = 1u << 20;
/// What moves at a time from one full cache to another: a part of what nobody was promised.
constexpr std::uint64_t kStepShare = 64;
/// One misses its memory more than another when it does so by half more, and not by chance.
constexpr double kClearlyMore = 1.5;
constexpr std::uint64_t kLeastReturns = 16;

std::uint64_t part_of(std::uint64_t bytes, std::uint64_t numerator, std::uint64_t denominator) {
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * static_cast<double>(numerator) /
                                    static_cast<double>(denominator));
}

std::uint64_t has(const MemoryShare& share) { return share.promised + share.extra; }

/// Nine tenths: a store that is full keeps some percents for itself.
bool is_full(const MemoryShare& share) { return share.used >= has(share) / 10 * 9; }

double missed_per_byte(const MemoryShare& share) {
  return static_cast<double>(share.returns) / static_cast<double>(has(share));
}

/// What the cache could give without giving up an entry, with a quarter to spare.
std::uint64_t idle_bytes(const MemoryShare& share) {
  const std::uint64_t needed = share.used + share.used / 4;
  return std::min(share.extra, has(share) > needed ? has(share) - needed : 0);
}

std::uint64_t sum_of(std::span<const MemoryShare> shares, std::uint64_t MemoryShare::*field) {
  std::uint64_t sum = 0;
  for (const MemoryShare& share : shares) sum += share.*field;
  return sum;
}

/// Requires less than is promised. What elastic caches had beyond is gone.
void divide_what_is_left(std::uint64_t available, std::uint64_t promised,
                         std::span<MemoryShare> shares) {
  for (MemoryShare& share : shares) {
    share.extra = 0;
    share.budget = std::max(kLeastBudget, part_of(share.promised, available, promised));
  }
}

void shrink_to(std::uint64_t spare, std::span<MemoryShare> shares) {
  const std::uint64_t extra = sum_of(shares, &MemoryShare::extra);
  if (extra <= spare) return;
  for (MemoryShare& share : shares) share.extra = part_of(share.extra, spare, extra);
}

/// Lets the full ones grow out of what nobody has. Returns what then nobody has.
std::uint64_t grow(std::uint64_t nobodys, std::span<MemoryShare> shares) {
  const auto wants = [](const MemoryShare& share) { return share.elastic && is_full(share); };
  auto wanting = static_cast<std::uint64_t>(std::ranges::count_if(shares, wants));
  for (MemoryShare& share : shares) {
    if (!wants(share)) continue;
    const std::uint64_t most = std::max(kLeastGrowth, has(share) / kGrowthShare);
    const std::uint64_t growth = std::min(most, nobodys / wanting--);
    share.extra += growth;
    nobodys -= growth;
  }
  return nobodys;
}

/// Moves a step from the one that misses it least to the one that misses it most.
void move_a_step(std::uint64_t spare, std::span<MemoryShare> shares) {
  MemoryShare* taker = nullptr;
  MemoryShare* giver = nullptr;
  for (MemoryShare& share : shares) {
    if (!share.elastic) continue;
    if (is_full(share) && share.returns >= kLeastReturns &&
        (taker == nullptr || missed_per_byte(share) > missed_per_byte(*taker))) {
      taker = &share;
    }
    if (share.extra > 0 && (giver == nullptr || missed_per_byte(share) < missed_per_byte(*giver))) {
      giver = &share;
    }
  }
  if (taker == nullptr || giver == nullptr || taker == giver) return;
  if (missed_per_byte(*taker) < kClearlyMore * missed_per_byte(*giver)) return;
  const std::uint64_t step = std::max(kLeastBudget, spare / kStepShare);
  const std::uint64_t moved = std::min(giver->extra, std::max(step, idle_bytes(*giver)));
  giver->extra -= moved;
  taker->extra += moved;
}

}  // namespace

void divide_memory(std::uint64_t available, std::span<MemoryShare> shares) {
  const std::uint64_t promised = sum_of(shares, &MemoryShare::promised);
  if (available < promised) return divide_what_is_left(available, promised, shares);
  const std::uint64_t spare = available - promised;
  shrink_to(spare, shares);
  const std::uint64_t nobodys = grow(spare - sum_of(shares, &MemoryShare::extra), shares);
  if (nobodys < kLeastBudget) move_a_step(spare, shares);
  for (MemoryShare& share : shares) share.budget = has(share);
}

}  // namespace kith::api
