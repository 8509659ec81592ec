// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/budget.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/check.h"

namespace kith::bench::hitrate {
namespace {

/// How many entries of `value_bytes` each a store with this budget holds once it is full, on
/// average over a while. Counts to three times `wanted` at most.
std::uint64_t entries_held(std::uint64_t budget, std::uint64_t wanted, std::uint32_t value_bytes,
                           std::size_t shards) {
  constexpr std::uint64_t kRoundsToFill = 2;
  constexpr std::uint64_t kSamples = 16;
  store::Store store({.budget_bytes = budget, .shards = shards});
  std::uint64_t key = 0;
  const auto put = [&](std::uint64_t count) {
    for (const std::uint64_t end = key + count; key < end; ++key) {
      store.put(key_view(key), {.value = value_of(value_bytes)}, TimePoint());
    }
  };
  put(kRoundsToFill * wanted);
  std::uint64_t sum = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    put(std::max<std::uint64_t>(wanted / kSamples, 1));
    sum += store.stats().entries;
  }
  return (sum + kSamples / 2) / kSamples;
}

}  // namespace

KeyView key_view(const std::uint64_t& key) {
  return KeyView::of({reinterpret_cast<const char*>(&key), sizeof(key)});
}

Value value_of(std::uint32_t bytes) {
  // Pages that are never written take no memory.
  static const char* const zeros = [] {
    void* memory = ::mmap(nullptr, std::size_t{UINT32_MAX}, PROT_READ,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    KITH_CHECK(memory != MAP_FAILED);
    return static_cast<const char*>(memory);
  }();
  return Value::borrow_static({zeros, bytes});
}

Budget budget_of_values(std::uint64_t entries, std::uint32_t value_bytes, std::size_t shards) {
  KITH_CHECK(entries > 0);
  // One entry in a thousand is near enough; below a thousand the number is met exactly if it can
  // be.
  const std::uint64_t tolerance = entries / 1000;
  constexpr std::uint64_t kMaxBudget = std::uint64_t{1} << 44;
  const auto held = [&](std::uint64_t budget) {
    return entries_held(budget, entries, value_bytes, shards);
  };
  const auto distance = [&](std::uint64_t count) {
    return count > entries ? count - entries : entries - count;
  };

  Budget low;
  Budget high{.bytes = entries * (std::uint64_t{value_bytes} + 64)};
  Budget best;
  const auto note = [&](const Budget& tried) {
    if (best.bytes == 0 || distance(tried.entries) < distance(best.entries)) best = tried;
  };
  for (high.entries = held(high.bytes); high.entries < entries; high.entries = held(high.bytes)) {
    KITH_CHECK(high.bytes < kMaxBudget);  // Else the store never holds so many.
    note(high);
    low = high;
    high.bytes += high.bytes / 2;
  }
  note(high);
  // Invariant: with `low` there are too few, with `high` enough or too many. Where the number grows
  // evenly the first guess is right; every second one halves, so that steps do no harm.
  for (bool guess = true; distance(best.entries) > tolerance && high.bytes - low.bytes > 1;
       guess = !guess) {
    const std::uint64_t gap = high.bytes - low.bytes;
    const double share = guess ? static_cast<double>(entries - low.entries) /
                                     static_cast<double>(high.entries - low.entries)
                               : 0.5;
    Budget middle;
    middle.bytes =
        low.bytes + std::clamp<std::uint64_t>(
                        static_cast<std::uint64_t>(static_cast<double>(gap) * share), 1, gap - 1);
    middle.entries = held(middle.bytes);
    note(middle);
    (middle.entries < entries ? low : high) = middle;
  }
  // Half an entry more, if that changes nothing: a budget on the edge would be one entry short if
  // a trace's entries cost a byte more.
  const std::uint64_t roomier = best.bytes + best.bytes / entries / 2;
  if (held(roomier) == best.entries) best.bytes = roomier;
  best.value_bytes = value_bytes;
  return best;
}

Budget budget_for(std::uint64_t entries, std::size_t shards) {
  constexpr std::uint64_t kTotal = 4u << 20;
  constexpr std::uint64_t kMaxTotal = 256u << 20;
  auto value_bytes = std::clamp<std::uint64_t>(kTotal / entries, 64, 64u << 10);
  for (;; value_bytes *= 2) {
    const Budget budget =
        budget_of_values(entries, static_cast<std::uint32_t>(value_bytes), shards);
    const std::uint64_t off =
        budget.entries > entries ? budget.entries - entries : entries - budget.entries;
    if (off <= entries / 100 || 2 * value_bytes * entries > kMaxTotal) return budget;
  }
}

}  // namespace kith::bench::hitrate
