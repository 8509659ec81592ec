// SPDX-License-Identifier: Apache-2.0
//
// What a hit in this process's memory costs through the public API, what a fill costs, and how much
// memory an entry takes; beside it, in the same run, maps behind mutexes. See docs/benchmarks.md.
#include <benchmark/benchmark.h>
#include <kith/kith.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "bench/baselines.h"
#include "bench/machine.h"
#include "bench/run_benchmarks.h"
#include "bench/zipf.h"
#include "store/store.h"

namespace {

using kith::bench::BenchKey;
using kith::bench::MapCache;
using kith::bench::UnlockedMap;
using kith::literals::operator""_GiB;  // NOLINT(misc-unused-using-decls): it is used
using kith::literals::operator""_MiB;  // NOLINT(misc-unused-using-decls): it is used

constexpr std::size_t kEntries = 1'000'000;
constexpr std::size_t kValueBytes = 100;
constexpr double kExponent = 0.99;
/// Draws made before the clock starts; a power of two. Every thread walks them from its own start.
constexpr std::size_t kDraws = 1u << 20;
constexpr std::size_t kManyKeys = 16;
constexpr std::size_t kFillKeys = 256;
/// Bound of the caches that evict; the maps hold as many entries as kith does in it.
constexpr std::uint64_t kSmallBytes = 16_MiB;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "store_bench: %s\n", why.c_str());
  std::exit(1);
}

std::string value_text() { return std::string(kValueBytes, 'v'); }

kith::LoadResult load(const kith::LoadRequest&) { return kith::Value::copy_of(value_text()); }

std::vector<kith::LoadResult> load_batch(std::span<const kith::LoadRequest> requests) {
  std::vector<kith::LoadResult> results;
  results.reserve(requests.size());
  for (const kith::LoadRequest& request : requests) results.push_back(load(request));
  return results;
}

kith::Node start_node() {
  auto node = kith::Node::start({.listen = "", .memory_bytes = 4_GiB, .loader_threads = 2});
  if (!node) die(node.error().message);
  return *std::move(node);
}

kith::Cache open(kith::Node& node, std::string_view name, std::uint64_t bytes,
                 kith::Loader loader) {
  auto cache = node.open(name, {.memory_bytes = bytes, .negative_ttl = kith::Duration::zero()},
                         std::move(loader));
  if (!cache) die(cache.error().message);
  return *std::move(cache);
}

/// Memory that the process has, without what the allocator keeps for later.
std::uint64_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (!(statm >> all >> resident)) die("/proc/self/statm cannot be read");
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double bytes_per_entry(const std::function<void()>& fill) {
  const std::uint64_t before = resident_bytes();
  fill();
  return static_cast<double>(resident_bytes() - before) / static_cast<double>(kEntries);
}

/// The entries in an order that has nothing to do with their popularity.
std::vector<std::uint32_t> fill_order() {
  std::vector<std::uint32_t> order(kEntries);
  for (std::size_t i = 0; i < kEntries; ++i) order[i] = static_cast<std::uint32_t>(i);
  kith::Rng rng(1);
  rng.shuffle(std::span(order));
  return order;
}

void fill(const kith::Cache& cache, std::span<const std::uint32_t> order) {
  std::vector<std::string> keys;
  for (std::size_t from = 0; from < order.size(); from += kFillKeys) {
    keys.clear();
    for (const std::uint32_t n : order.subspan(from, std::min(kFillKeys, order.size() - from))) {
      keys.emplace_back(BenchKey::nth(n).view());
    }
    for (const auto& result : cache.get_many(keys)) {
      if (!result || !*result) die("a fill failed");
    }
  }
  if (cache.stats().entries != kEntries) die("the cache did not keep all entries");
}

void fill(MapCache& cache, std::span<const std::uint32_t> order) {
  for (const std::uint32_t n : order) {
    cache.put(BenchKey::nth(n).view(), std::make_shared<const std::string>(value_text()));
  }
}

void fill(UnlockedMap& map, std::span<const std::uint32_t> order) {
  for (const std::uint32_t n : order) {
    map.values.insert_or_assign(std::string(BenchKey::nth(n).view()),
                                std::make_unique<std::string>(value_text()));
  }
}

std::vector<BenchKey> draws() {
  const kith::bench::Zipf zipf(kEntries, kExponent);
  kith::Rng rng(2);
  std::vector<BenchKey> keys;
  keys.reserve(kDraws);
  for (std::size_t i = 0; i < kDraws; ++i) keys.push_back(BenchKey::nth(zipf.draw(rng)));
  return keys;
}

/// Keys that no one asked for before.
class NewKeys {
 public:
  BenchKey next() { return BenchKey::nth(next_++); }

 private:
  std::uint64_t next_ = std::uint64_t{1} << 40;
};

/// Registers `get(key)` returning whether it found the value, as a benchmark of one hit.
template <class Get>
void register_hit(const std::string& name, const std::vector<BenchKey>& keys, Get get,
                  std::initializer_list<int> thread_counts = {1, 2}) {
  for (const int threads : thread_counts) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&keys, get](benchmark::State& state) {
                                   std::size_t i =
                                       static_cast<std::size_t>(state.thread_index()) * kDraws / 2;
                                   for (auto _ : state) {
                                     if (!get(keys[i++ & (kDraws - 1)].view())) {
                                       state.SkipWithError("a hit missed");
                                       break;
                                     }
                                   }
                                   state.SetItemsProcessed(state.iterations());
                                 })
        ->Threads(threads)
        ->UseRealTime();
  }
}

/// Registers `batch(keys)` on kManyKeys keys at once; its items are keys.
template <class Batch>
void register_many(const std::string& name, const std::vector<std::vector<std::string>>& batches,
                   Batch batch) {
  benchmark::RegisterBenchmark(name.c_str(), [&batches, batch](benchmark::State& state) {
    std::size_t i = 0;
    for (auto _ : state) batch(batches[i++ % batches.size()]);
    state.SetItemsProcessed(state.iterations() * std::int64_t{kManyKeys});
  })->UseRealTime();
}

/// Registers `insert(keys)` that inserts `count` new keys.
template <class Insert>
void register_insert(const std::string& name, std::size_t count, NewKeys& new_keys, Insert insert) {
  benchmark::RegisterBenchmark(name.c_str(), [count, &new_keys, insert](benchmark::State& state) {
    for (auto _ : state) {
      for (std::size_t i = 0; i < count; ++i) insert(new_keys.next());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
  })->UseRealTime();
}

/// Collects what ran and prints one line per benchmark at the end. An operation is one key; with
/// several threads its time is the wall time over the operations of all of them.
class Table final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        failed_ = true;
        std::printf("%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        continue;
      }
      if (run.run_type != Run::RT_Iteration) continue;
      std::string name = run.benchmark_name();
      for (const std::string_view part : {"/real_time", "/repeats:"}) {
        const std::size_t at = name.find(part);
        if (at == std::string::npos) continue;
        const std::size_t end = name.find('/', at + 1);
        name.erase(at, end == std::string::npos ? std::string::npos : end - at);
      }
      const auto rate = run.counters.find("items_per_second");
      if (rate == run.counters.end()) continue;
      if (!samples_.contains(name)) order_.push_back(name);
      samples_[name].push_back(1e9 / rate->second);
    }
  }

  void print() {
    std::printf("%-34s %12s  %s\n", "", "ns per op", "min-max over the repetitions");
    std::ranges::sort(order_);
    for (const std::string& name : order_) {
      const std::vector<double>& sample = sorted(name);
      std::printf("%-34s %12.1f  %.1f-%.1f\n", name.c_str(), median(name), sample.front(),
                  sample.back());
    }
  }

  /// How many times as fast as `baseline` something is; silent if one of them did not run.
  void print_ratio(const std::string& name, const std::string& baseline) {
    if (!samples_.contains(name) || !samples_.contains(baseline)) return;
    std::printf("ratio %s vs %s: %.2fx\n", name.c_str(), baseline.c_str(),
                median(baseline) / median(name));
  }

  bool failed() const { return failed_; }

 private:
  const std::vector<double>& sorted(const std::string& name) {
    std::ranges::sort(samples_[name]);
    return samples_[name];
  }
  double median(const std::string& name) {
    const std::vector<double>& sample = sorted(name);
    return sample[sample.size() / 2];
  }

  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> samples_;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  std::printf("machine: %s\n", kith::bench::machine_line().c_str());
  std::printf("%zu entries, keys of 16 bytes, values of %zu, Zipf %.2f\n", kEntries, kValueBytes,
              kExponent);
  std::fflush(stdout);

  const std::vector<std::uint32_t> order = fill_order();
  kith::Node node = start_node();
  const kith::Cache cache = open(node, "resident", 1_GiB, kith::Loader::batch(load_batch));
  MapCache one_mutex(1);
  MapCache sharded(64);
  const double kith_bytes = bytes_per_entry([&] { fill(cache, order); });
  const double one_mutex_bytes = bytes_per_entry([&] { fill(one_mutex, order); });
  const double sharded_bytes = bytes_per_entry([&] { fill(sharded, order); });

  const std::vector<BenchKey> keys = draws();
  std::vector<std::vector<std::string>> batches(kDraws / kManyKeys / 8);
  for (std::size_t i = 0; i < batches.size() * kManyKeys; ++i) {
    batches[i / kManyKeys].emplace_back(keys[i].view());
  }

  register_hit("hit/kith", keys, [&](std::string_view key) {
    const auto value = cache.get(key);
    return value && *value && (*value)->size() == kValueBytes;
  });
  register_hit("visit/kith", keys, [&](std::string_view key) {
    std::size_t size = 0;
    const auto there =
        cache.get(key, [&](std::span<const std::byte> bytes) { size = bytes.size(); });
    return there && *there && size == kValueBytes;
  });
  const auto hit_map = [](MapCache& map, std::string_view key) {
    const MapCache::Shared value = map.get(key);
    return value != nullptr && value->size() == kValueBytes;
  };
  register_hit("hit/one_mutex", keys,
               [&](std::string_view key) { return hit_map(one_mutex, key); });
  register_hit("hit/64_mutexes", keys, [&](std::string_view key) { return hit_map(sharded, key); });
  UnlockedMap unlocked;
  fill(unlocked, order);
  const auto hit_unlocked = [&](std::string_view key) {
    const std::string* const value = unlocked.find(key);
    return value != nullptr && value->size() == kValueBytes && value->front() == 'v';
  };
  register_hit("hit/unlocked_map", keys, hit_unlocked, {1});

  register_many("get_many_16/kith", batches, [&](const std::vector<std::string>& batch) {
    benchmark::DoNotOptimize(cache.get_many(batch));
  });
  const auto many_of_map = [](MapCache& map, const std::vector<std::string>& batch) {
    std::vector<MapCache::Shared> values;
    values.reserve(batch.size());
    for (const std::string& key : batch) values.push_back(map.get(key));
    benchmark::DoNotOptimize(values.data());
  };
  register_many("get_many_16/one_mutex", batches,
                [&](const std::vector<std::string>& batch) { many_of_map(one_mutex, batch); });
  register_many("get_many_16/64_mutexes", batches,
                [&](const std::vector<std::string>& batch) { many_of_map(sharded, batch); });

  NewKeys new_keys;
  const kith::Cache filled_singly = open(node, "filled-singly", 256_MiB, load);
  register_insert("miss_fill/kith_get", 1, new_keys, [&](const BenchKey& key) {
    benchmark::DoNotOptimize(filled_singly.get(key.view()));
  });
  const kith::Cache filled_together =
      open(node, "filled-together", kSmallBytes, kith::Loader::batch(load_batch));
  std::vector<std::string> together;
  register_insert("miss_fill_evict/kith_get_many_256", kFillKeys, new_keys,
                  [&](const BenchKey& key) {
                    together.emplace_back(key.view());
                    if (together.size() < kFillKeys) return;
                    benchmark::DoNotOptimize(filled_together.get_many(together));
                    together.clear();
                  });

  kith::store::Store store({.budget_bytes = kSmallBytes});
  const auto put = [&](const BenchKey& key) {
    store.put(kith::KeyView::of(key.view()), {.value = kith::Value::copy_of(value_text())},
              kith::TimePoint());
  };
  while (store.stats().evictions == 0) put(new_keys.next());
  MapCache bounded(1, store.stats().entries);
  register_insert("insert_evict/kith_store", 1, new_keys, put);
  register_insert("insert_evict/one_mutex_fifo", 1, new_keys, [&](const BenchKey& key) {
    bounded.put(key.view(), std::make_shared<const std::string>(value_text()));
  });

  benchmark::AddCustomContext("machine", kith::bench::machine_line());
  benchmark::AddCustomContext("bytes_per_entry_kith", std::to_string(kith_bytes));
  benchmark::AddCustomContext("bytes_per_entry_one_mutex", std::to_string(one_mutex_bytes));
  benchmark::AddCustomContext("bytes_per_entry_64_mutexes", std::to_string(sharded_bytes));
  Table table;
  const int code =
      kith::bench::run_benchmarks(argc, argv,
                                  {"--benchmark_repetitions=5", "--benchmark_min_time=0.2",
                                   "--benchmark_enable_random_interleaving=true"},
                                  &table);
  if (code != 0) return code;
  table.print();
  std::printf(
      "bytes per entry (116 of them key and value): kith %.0f, one_mutex %.0f, "
      "64_mutexes %.0f\n",
      kith_bytes, one_mutex_bytes, sharded_bytes);
  table.print_ratio("hit/kith/threads:1", "hit/one_mutex/threads:1");
  table.print_ratio("hit/kith/threads:1", "hit/64_mutexes/threads:1");
  table.print_ratio("visit/kith/threads:1", "hit/one_mutex/threads:1");
  table.print_ratio("hit/kith/threads:1", "hit/unlocked_map/threads:1");
  table.print_ratio("visit/kith/threads:1", "hit/unlocked_map/threads:1");
  table.print_ratio("get_many_16/kith", "hit/unlocked_map/threads:1");
  table.print_ratio("insert_evict/kith_store", "hit/unlocked_map/threads:1");
  table.print_ratio("hit/kith/threads:2", "hit/kith/threads:1");
  table.print_ratio("visit/kith/threads:2", "visit/kith/threads:1");
  table.print_ratio("hit/kith/threads:2", "hit/one_mutex/threads:2");
  table.print_ratio("hit/kith/threads:2", "hit/64_mutexes/threads:2");
  table.print_ratio("get_many_16/kith", "get_many_16/one_mutex");
  table.print_ratio("get_many_16/kith", "get_many_16/64_mutexes");
  table.print_ratio("insert_evict/kith_store", "insert_evict/one_mutex_fifo");
  return table.failed() ? 1 : 0;
}
