// SPDX-License-Identifier: Apache-2.0
//
// What every C++ program of the comparison does with its cache. The harnesses in the other
// languages do the same in the same order; README.md says what is measured.
#pragma once

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/peers/cpp/workload.h"

namespace kith::bench::peers {

/// A cache that holds all popular keys. `get` gives checked_size of the value, read through a
/// handle that is valid after the cache's own call returned.
template <class Cache>
concept ResidentCache = requires(Cache cache, std::span<const BenchKey> keys,
                                 std::string_view text) {
  {Cache(kAmpleEntries)};
  {cache.fill(keys, text)};
  { cache.get(text) } -> std::same_as<std::optional<std::size_t>>;
  { cache.entries() } -> std::convertible_to<std::size_t>;
};

/// A cache that evicts.
template <class Cache>
concept BoundedCache = requires(Cache cache, std::string_view text) {
  {Cache(kBoundedEntries)};
  {cache.put(text, text)};
  { cache.get(text) } -> std::same_as<std::optional<std::size_t>>;
  { cache.entries() } -> std::convertible_to<std::size_t>;
};

/// For a program whose cache has no bound.
struct NoBoundedCache {};

struct Arguments {
  std::string mode;
  std::string directory;
  std::size_t threads = 1;
};

inline Arguments parse_arguments(int argc, char** argv) {
  constexpr std::size_t kMaxThreads = 64;
  const std::size_t threads = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 1;
  if (argc < 3 || argc > 4 || threads < 1 || threads > kMaxThreads) {
    std::fprintf(stderr, "usage: %s hit|insert|ratio|memory DIRECTORY [THREADS]\n", argv[0]);
    std::exit(2);
  }
  return {.mode = argv[1], .directory = argv[2], .threads = threads};
}

inline double ns_of(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) die("a clock cannot be read");
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// When something happened, in nanoseconds.
struct Moment {
  double wall = ns_of(CLOCK_MONOTONIC);
  double cpu = ns_of(CLOCK_PROCESS_CPUTIME_ID);  ///< Processor time of all threads until then.
};

/// From the first start to the last end.
struct Span {
  double wall = 0;
  double cpu = 0;

  Span(const std::vector<Moment>& starts, const std::vector<Moment>& ends)
      : wall(std::ranges::max(ends, {}, &Moment::wall).wall -
             std::ranges::min(starts, {}, &Moment::wall).wall),
        cpu(std::ranges::max(ends, {}, &Moment::cpu).cpu -
            std::ranges::min(starts, {}, &Moment::cpu).cpu) {}
};

/// Memory of this process that is in RAM.
inline std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(file >> all_pages >> resident_pages)) die("cannot read /proc/self/statm");
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <class Cache>
void fill_all(Cache& cache, std::span<const BenchKey> keys, std::string_view value) {
  cache.fill(keys, value);
  if (cache.entries() != kPopularKeys) die("the cache did not keep all entries");
}

/// Asks for each key; every one must be there with a value of the right length.
template <class Cache>
void walk(Cache& cache, std::span<const BenchKey> keys) {
  std::size_t right = 0;
  for (const BenchKey& key : keys) {
    const std::optional<std::size_t> size = cache.get(key.view());
    right += size == kValueBytes ? 1 : 0;
  }
  if (right != keys.size()) die("a hit missed, or had a value of another length");
}

/// `threads` walk a part of the keys each, at the same time; warm-up first. Prints the line.
template <ResidentCache Cache>
void measure_hits(const Workload& workload, std::size_t threads) {
  constexpr int kWarmPasses = 3;
  const std::vector<BenchKey> warm = workload.draw(kWarmFile);
  const std::vector<BenchKey> hits = workload.draw(kHitFile);
  Cache cache(kAmpleEntries);
  fill_all(cache, workload.draw(kFillFile), workload.value());

  const std::size_t share = hits.size() / threads;
  std::vector<Moment> starts(threads);
  std::vector<Moment> ends(threads);
  std::barrier ready(static_cast<std::ptrdiff_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        for (int pass = 0; pass < kWarmPasses; ++pass) walk(cache, warm);
        ready.arrive_and_wait();
        starts[thread] = Moment();
        walk(cache, std::span(hits).subspan(thread * share, share));
        ends[thread] = Moment();
      });
    }
  }
  const Span span(starts, ends);
  const auto ops = static_cast<double>(share * threads);
  std::printf(
      "{\"mode\":\"hit\",\"threads\":%zu,\"ns_per_op\":%.2f,\"cpu_ns_per_op\":%.2f,"
      "\"mops_per_s\":%.3f,\"ops\":%.0f}\n",
      threads, span.wall * static_cast<double>(threads) / ops, span.cpu / ops,
      ops * 1e3 / span.wall, ops);
}

/// One thread puts keys that were never there into a full cache.
template <BoundedCache Cache>
void measure_inserts(const Workload& workload) {
  Cache cache(kBoundedEntries);
  for (const BenchKey& key : workload.popular().first(2 * kBoundedEntries)) {
    cache.put(key.view(), workload.value());
  }
  const Moment start;
  for (const BenchKey& key : workload.once()) cache.put(key.view(), workload.value());
  const Span span({start}, {Moment()});
  std::printf(
      "{\"mode\":\"insert\",\"threads\":1,\"ns_per_op\":%.2f,\"cpu_ns_per_op\":%.2f,"
      "\"ops\":%zu,\"entries\":%zu,\"dropped\":0}\n",
      span.wall / static_cast<double>(kOnceKeys), span.cpu / static_cast<double>(kOnceKeys),
      kOnceKeys, std::size_t{cache.entries()});
}

/// A get for each draw, and a put after a miss, from an empty cache on.
template <BoundedCache Cache>
void measure_ratio(const Workload& workload, const char* trace, const char* file) {
  Cache cache(kBoundedEntries);
  const std::vector<BenchKey> keys = workload.draw(file);
  std::size_t hits = 0;
  for (const BenchKey& key : keys) {
    if (const std::optional<std::size_t> size = cache.get(key.view())) {
      if (*size != kValueBytes) die("a value has a wrong length");
      ++hits;
    } else {
      cache.put(key.view(), workload.value());
    }
  }
  std::printf(
      "{\"mode\":\"ratio\",\"trace\":\"%s\",\"hit_ratio\":%.5f,\"ops\":%zu,\"entries\":%zu}\n",
      trace, static_cast<double>(hits) / static_cast<double>(keys.size()), keys.size(),
      std::size_t{cache.entries()});
}

template <ResidentCache Cache>
void measure_memory(const Workload& workload) {
  const std::vector<BenchKey> keys = workload.draw(kFillFile);
  const std::uint64_t before = resident_bytes();
  Cache cache(kAmpleEntries);
  fill_all(cache, keys, workload.value());
  const auto more = static_cast<double>(resident_bytes() - before);
  std::printf(
      "{\"mode\":\"memory\",\"bytes_per_entry\":%.1f,\"rss_per_entry\":%.1f,\"entries\":%zu,"
      "\"counted\":\"rss\"}\n",
      more / static_cast<double>(kPopularKeys), more / static_cast<double>(kPopularKeys),
      kPopularKeys);
}

inline void print_unsupported(const std::string& mode) {
  std::printf("{\"mode\":\"%s\",\"unsupported\":true}\n", mode.c_str());
}

/// What a peer's main() does.
template <ResidentCache Resident, class Bounded>
int run(const Arguments& arguments) {
  const Workload workload(arguments.directory);
  if (arguments.mode == "hit") {
    measure_hits<Resident>(workload, arguments.threads);
  } else if (arguments.mode == "memory") {
    measure_memory<Resident>(workload);
  } else if (arguments.mode != "insert" && arguments.mode != "ratio") {
    die("no such mode: " + arguments.mode);
  } else if constexpr (!BoundedCache<Bounded>) {
    print_unsupported(arguments.mode);
  } else if (arguments.mode == "insert") {
    measure_inserts<Bounded>(workload);
  } else {
    measure_ratio<Bounded>(workload, "zipf", kZipfFile);
    measure_ratio<Bounded>(workload, "scan", kScanFile);
  }
  return 0;
}

}  // namespace kith::bench::peers
