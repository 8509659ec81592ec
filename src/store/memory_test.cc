// SPDX-License-Identifier: Apache-2.0
// What the store says that it takes, against what the process really has more of.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "base/testing/resident_memory.h"
#include "base/testing/sanitized.h"
#include "store/store.h"

namespace kith::store {
namespace {

using testing::mib;
using testing::resident_bytes;

constexpr std::uint64_t kMiB = 1u << 20;

/// Beside the store: what gtest, the C library and the stacks take meanwhile.
constexpr std::int64_t kElsewhere = 4 * kMiB;
/// Resident memory above the budget, as a share of it: half-used pages of malloc around large
/// values.
constexpr double kAbove = 0.05;
/// Of what the store reports against what is resident, as a share of the budget.
constexpr double kError = 0.03;

Entry entry_of(std::size_t size) {
  Entry entry;
  std::byte* bytes = nullptr;
  entry.value = Value::uninitialized(size, &bytes);
  std::fill_n(bytes, size, std::byte{0x5a});
  return entry;
}

/// A store that is measured.
class Measured {
 public:
  explicit Measured(std::uint64_t budget)
      : start_(resident_bytes()), budget_(budget), store_({.budget_bytes = budget}) {}

  /// Puts entries of sizes and keys that fn(rng) gives: {key, size}.
  template <class Fn>
  void put(int count, Fn&& fn) {
    for (int i = 0; i < count; ++i) {
      const auto [number, size] = fn(rng_);
      const std::string key = "key-" + std::to_string(number);
      store_.put(KeyView::of(key), entry_of(size), {});
      if (i % 256 == 0) most_ = std::max(most_, store_.stats().memory_bytes);
    }
  }
  void put_size(int count, std::uint64_t keys, std::size_t size) {
    put(count, [=](Rng& rng) { return std::pair(rng.below(keys), size); });
  }
  void erase(std::uint64_t keys, double share) {
    for (std::uint64_t i = 0; i < keys; ++i) {
      if (rng_.chance(share)) store_.erase(KeyView::of("key-" + std::to_string(i)));
    }
  }
  /// Has the memory follow, as an owner would now and then.
  void set_budget(std::uint64_t bytes) {
    store_.set_budget(bytes);
    int calls = 0;
    for (; calls < 100'000 && store_.stats().memory_bytes > bytes; ++calls) store_.maintain({});
    std::printf("  %3.0f MiB after %d calls of maintain()\n", mib(static_cast<std::int64_t>(bytes)),
                calls);
    budget_ = bytes;
    most_ = 0;
  }

  void check(const char* phase) {
    // What the last put left over, as the owner's housekeeping would.
    for (int i = 0; i < 100 && store_.give_back({}); ++i) {
    }
    const StoreStats stats = store_.stats();
    const std::int64_t grown = resident_bytes() - start_;
    const auto reported = static_cast<std::int64_t>(stats.memory_bytes);
    const auto budget = static_cast<double>(budget_);
    worst_ = std::max(worst_, std::abs(static_cast<double>(grown - reported)) / budget);
    std::printf(
        "  %-22s %8llu entries, reported %6.2f MiB (at most %6.2f), resident %6.2f: %+.2f %%\n",
        phase, static_cast<unsigned long long>(stats.entries), mib(reported),
        mib(static_cast<std::int64_t>(most_)), mib(grown),
        100 * static_cast<double>(grown - reported) / budget);
    EXPECT_LE(stats.memory_bytes, budget_) << phase;
    // While sizes change: pages of the old ones are given up one by one.
    EXPECT_LE(most_, budget_ + budget_ / 100) << phase << ", in between";
    EXPECT_LE(static_cast<double>(grown), budget * (1 + kAbove) + kElsewhere) << phase;
    EXPECT_LE(std::abs(static_cast<double>(grown - reported)), budget * kError + kElsewhere)
        << phase;
    most_ = 0;
  }

  double worst() const { return worst_; }
  std::int64_t grown() const { return resident_bytes() - start_; }
  Store& store() { return store_; }

 private:
  const std::int64_t start_;
  std::uint64_t budget_;
  Store store_;
  Rng rng_{1};
  std::uint64_t most_ = 0;
  double worst_ = 0;
};

/// 1 B to 8 MiB; the logarithm is the cube of an even number, so that half are below 8 B.
std::size_t any_size(Rng& rng) {
  const double x = rng.unit();
  return static_cast<std::size_t>(std::exp2(23 * x * x * x));
}

TEST(StoreMemory, IsWhatTheStoreReportsWhateverComes) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take memory of their own";
  Measured measured(64 * kMiB);
  constexpr std::uint64_t kKeys = 40'000;
  const auto any = [](Rng& rng) { return std::pair(rng.below(kKeys), any_size(rng)); };
  const auto small = [](Rng& rng) {
    return std::pair(rng.below(kKeys), static_cast<std::size_t>(1 + rng.below(4000)));
  };
  measured.check("empty");

  for (testing::SoakRounds rounds; rounds.more();) {
    for (const char* part : {"all sizes, part 1", "all sizes, part 2"}) {
      measured.put(6000, any);
      measured.check(part);
    }
    measured.put(100'000, small);
    measured.check("replaced by small");
    measured.put(6000, any);
    measured.check("replaced by all sizes");
    measured.erase(kKeys, 0.7);
    measured.check("70 % erased");
    measured.put(20'000, small);
    measured.check("small again");

    measured.put_size(700'000, 1'500'000, 40);
    measured.check("40 B");
    measured.put_size(60'000, 1'500'000, 3 << 10);
    measured.check("3 KiB");
    measured.put_size(700'000, 1'500'000, 100);
    measured.check("100 B");
    measured.put_size(200, 1000, kMiB);
    measured.check("1 MiB");
    measured.put_size(700'000, 1'500'000, 100);
    measured.check("100 B again");

    measured.set_budget(32 * kMiB);
    measured.check("less");
    measured.put(6000, any);
    measured.check("less, all sizes");
    measured.put(50'000, small);
    measured.check("less, small");
    measured.set_budget(96 * kMiB);
    measured.put_size(900'000, 1'500'000, 100);
    measured.check("more, 100 B");
    measured.put(6000, any);
    measured.check("more, all sizes");
    measured.put_size(60'000, 1'500'000, 3 << 10);
    measured.set_budget(32 * kMiB);
    measured.check("less again");
    measured.store().clear();
    for (int i = 0; i < 100; ++i) measured.store().maintain({});
    measured.check("cleared");
    measured.set_budget(64 * kMiB);
  }
  std::printf("  reported and resident differ by at most %.2f %% of the budget\n",
              100 * measured.worst());
}

TEST(StoreMemory, OfASmallEntryIsLittleMoreThanItsKeyAndValue) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take memory of their own";
  constexpr std::uint64_t kEntries = 300'000;
  constexpr double kContent = 16 + 100;
  constexpr double kMost = 34;
  Measured measured(128 * kMiB);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    std::array<char, 17> key;
    std::snprintf(key.data(), key.size(), "key-%012llu", static_cast<unsigned long long>(i));
    measured.store().put(KeyView::of({key.data(), 16}), entry_of(100), {});
  }
  const std::int64_t grown = measured.grown();
  const StoreStats stats = measured.store().stats();
  ASSERT_EQ(stats.entries, kEntries);

  const double reported = static_cast<double>(stats.memory_bytes) / kEntries - kContent;
  const double resident = static_cast<double>(grown) / kEntries - kContent;

  std::printf("  beside 116 B of key and value: %.1f B reported, %.1f B resident\n", reported,
              resident);
  EXPECT_LE(reported, kMost);
  EXPECT_LE(resident, kMost);
}

}  // namespace
}  // namespace kith::store
