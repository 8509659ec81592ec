// SPDX-License-Identifier: Apache-2.0
// What a node says that it takes, and what it may take, against what the process really has more
// of.
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/testing/resident_memory.h"
#include "base/testing/sanitized.h"

namespace kith {
namespace {

using testing::mib;
using testing::resident_bytes;
using testing::SoakRounds;

constexpr std::uint64_t kBudget = 128_MiB;
/// Resident memory above the budget, as a share of it.
constexpr double kAbove = 0.05;
/// Of what the node reports against what is resident, as a share of the budget.
constexpr double kError = 0.03;
/// And after many rounds, in which holes have come to be everywhere in the allocator's memory.
constexpr double kErrorLater = 0.06;
constexpr int kParallel = 10'000;

/// 1 B to 256 KiB, small ones more often; always the same for a key.
std::size_t size_for(std::string_view key) {
  const double x = Rng(hash_with_seed(key, 7)).unit();
  return static_cast<std::size_t>(std::exp2(18 * x * x * x));
}

/// Loads wait for it, so that requests become as many as were made.
std::atomic<bool> g_gate_open{true};

LoadResult load(const LoadRequest& request) {
  while (!g_gate_open.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::byte* bytes = nullptr;
  Value value = Value::uninitialized(size_for(request.key), &bytes);
  std::fill_n(bytes, value.size(), std::byte{0x5a});
  return value;
}

class Measured {
 public:
  Measured() : start_(resident_bytes()) {
    node_.emplace(
        Node::start({.listen = "", .memory_bytes = kBudget, .loader_threads = 8}).value());
  }

  Cache open(std::string_view name, CacheOptions options) {
    return node_->open(name, options, load).value();
  }
  Node& node() { return *node_; }

  /// Asks for so many keys at once, and looks at the memory until all have been answered.
  void ask(const Cache& cache, int count, std::uint64_t keys, std::string_view prefix) {
    std::atomic<int> left{count};
    // What each would leave behind in gtest's memory would be measured too.
    std::atomic<int> failed{0};
    const GetOptions patient{.timeout = std::chrono::minutes(2)};
    g_gate_open = false;
    for (int i = 0; i < count; ++i) {
      const std::string key = std::string(prefix) + std::to_string(rng_.below(keys));
      cache.get_async(
          key,
          [&](const Result<Answer>& answer) {
            if (!answer) failed.fetch_add(1);
            left.fetch_sub(1);
          },
          patient);
    }
    // Caches give what requests take as soon as the loop has seen those: it has when it was waited
    // for twice.
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(node_->set_peers({}));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (over_budget() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    look();
    g_gate_open = true;
    while (left.load() > 0) {
      look();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(failed.load(), 0);
  }

  bool over_budget() const {
    const NodeMemory memory = node_->memory();
    return memory.cache_bytes + memory.request_bytes + memory.fixed_bytes > kBudget;
  }
  void look() {
    requests_ = std::max(requests_, node_->memory().request_bytes);
    most_ = std::max(most_, resident_bytes() - start_);
  }

  void expect_holes() { most_error_ = kErrorLater; }

  void check(const char* phase) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // The housekeeper's turn.
    const NodeMemory memory = node_->memory();
    const std::int64_t grown = resident_bytes() - start_;
    const auto reported = static_cast<std::int64_t>(memory.cache_bytes + memory.request_bytes +
                                                    memory.connection_bytes + memory.fixed_bytes);
    constexpr auto kWhole = static_cast<double>(kBudget);
    const double error = static_cast<double>(grown - reported) / kWhole;
    std::printf(
        "  %-24s reported %6.2f MiB, resident %6.2f: %+.2f %%; resident at most %6.2f, requests "
        "%.2f\n",
        phase, mib(reported), mib(grown), 100 * error, mib(most_),
        mib(static_cast<std::int64_t>(requests_)));
    EXPECT_LE(memory.cache_bytes + memory.fixed_bytes, kBudget) << phase;
    EXPECT_LE(static_cast<double>(most_), kWhole * (1 + kAbove)) << phase;
    EXPECT_LE(std::abs(error), most_error_) << phase;
    most_ = 0;
    requests_ = 0;
  }

 private:
  std::int64_t start_;
  std::optional<Node> node_;
  Rng rng_{1};
  std::int64_t most_ = 0;
  std::uint64_t requests_ = 0;
  double most_error_ = kError;
};

TEST(NodeMemoryUse, StaysWithinTheBudgetUnderTenThousandParallelFills) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take memory of their own";
  Measured measured;
  const Cache fixed = measured.open("fixed", {.memory_bytes = 48_MiB});
  const Cache elastic = measured.open("elastic", {.memory_bytes = 32_MiB, .elastic = true});
  const Cache brief = measured.open(
      "brief", {.memory_bytes = 32_MiB, .default_ttl = std::chrono::milliseconds(300)});
  // A part of each key, so that keys are large too: they are what waits.
  const std::string long_prefix(2000, 'p');
  for (SoakRounds rounds; rounds.more();) {
    for (int i = 0; i < 2; ++i) measured.ask(fixed, kParallel, 40'000, "f");
    measured.check("fixed");
    for (int i = 0; i < 6; ++i) {
      measured.ask(elastic, kParallel, 100'000, "e");
      measured.check("elastic");
    }
    measured.ask(brief, kParallel, 40'000, "b");
    measured.check("brief");
    measured.ask(fixed, kParallel, 40'000, long_prefix);
    measured.check("long keys");
    ASSERT_TRUE(measured.node().resize("fixed", 4_MiB));
    measured.ask(elastic, kParallel, 40'000, "e");
    measured.check("fixed is smaller");
    ASSERT_TRUE(measured.node().resize("fixed", 48_MiB));
    measured.ask(fixed, kParallel, 40'000, "f");
    measured.check("fixed is as large again");
    measured.expect_holes();
  }
}

TEST(NodeMemoryUse, RequestsAreCountedWhileTheyWait) {
  Node node = Node::start({.listen = "", .loader_threads = 1}).value();
  std::atomic<bool> go{false};
  const Cache cache = node.open("slow", {},
                                [&](const LoadRequest&) -> LoadResult {
                                  while (!go.load())
                                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                  return Value::copy_of("v");
                                })
                          .value();
  constexpr int kRequests = 1000;
  const std::string long_part(4000, 'k');
  std::atomic<int> left{kRequests};
  for (int i = 0; i < kRequests; ++i) {
    cache.get_async(long_part + std::to_string(i), [&](const Result<Answer>&) { --left; });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (node.memory().request_bytes < kRequests * 4000 &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(node.memory().request_bytes, kRequests * 4000u);
  EXPECT_LE(node.memory().request_bytes, kRequests * 12'000u);
  go = true;
  while (left.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  while (node.memory().request_bytes > 200'000 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(node.memory().request_bytes, 200'000u);
}

TEST(NodeMemoryUse, TheNodeItselfIsCounted) {
  Node node = Node::start({.listen = "", .memory_bytes = 64_MiB, .loader_threads = 2}).value();
  const std::uint64_t alone = node.memory().fixed_bytes;
  EXPECT_GE(alone, 128_KiB);
  const Cache cache = node.open("c", {.memory_bytes = 64_MiB}).value();
  const std::uint64_t fixed = node.memory().fixed_bytes;
  // Three ranks of 16 bits for each of the slots.
  EXPECT_GE(fixed, alone + 384_KiB);
  EXPECT_LE(fixed, 4_MiB);
  EXPECT_EQ(cache.stats().budget_bytes, 64_MiB - fixed);
  // The members are the same, and so is the table.
  ASSERT_TRUE(node.resize("c", 32_MiB));
  const Cache other = node.open("d", {.memory_bytes = 32_MiB}).value();
  EXPECT_LE(node.memory().fixed_bytes, fixed + 256_KiB);
}

TEST(NodeMemoryUse, OfASmallNodeMostIsStillForItsCaches) {
  Node node = Node::start({.listen = "", .memory_bytes = 1_MiB}).value();
  const Cache cache = node.open("c", {.memory_bytes = 1_MiB}).value();
  EXPECT_GT(node.memory().fixed_bytes, 128_KiB);
  EXPECT_GE(cache.stats().budget_bytes, 1_MiB / 8 * 7 - 64_KiB);
}

TEST(NodeMemoryUse, AnElasticCacheGrowsIntoWhatNobodyWasPromised) {
  Node node = Node::start({.listen = "", .memory_bytes = 32_MiB, .loader_threads = 4}).value();
  const auto kibibyte = [](const LoadRequest&) -> LoadResult {
    return Value::copy_of(std::string(1024, 'v'));
  };
  const Cache fixed = node.open("fixed", {.memory_bytes = 8_MiB}, kibibyte).value();
  const Cache elastic =
      node.open("elastic", {.memory_bytes = 4_MiB, .elastic = true}, kibibyte).value();
  std::vector<std::string> keys;
  for (int i = 0; i < 16'000; ++i) keys.push_back("key-" + std::to_string(i));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (elastic.stats().budget_bytes < 20_MiB && std::chrono::steady_clock::now() < deadline) {
    elastic.get_many(keys);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_GE(elastic.stats().budget_bytes, 20_MiB);
  EXPECT_LE(elastic.stats().budget_bytes, 24_MiB);
  EXPECT_EQ(fixed.stats().budget_bytes, 8_MiB);
  EXPECT_GT(elastic.stats().returns, 0u);
  // Promised to another, it is given back.
  const Cache late = node.open("late", {.memory_bytes = 16_MiB}, kibibyte).value();
  EXPECT_EQ(late.stats().budget_bytes, 16_MiB);
  EXPECT_LE(elastic.stats().budget_bytes, 8_MiB);
}

}  // namespace
}  // namespace kith
