// SPDX-License-Identifier: Apache-2.0
//
// The longest single operations of a store: what a caller may have to wait when its put is the one
// that makes a table grow, a page full or many entries leave. Processor time of the calling thread,
// so that what other programs take of the machine does not count.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/machine.h"
#include "bench/zipf.h"
#include "store/store.h"

namespace {

using kith::bench::BenchKey;

constexpr std::uint64_t kMiB = 1u << 20;

double thread_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

kith::Entry entry_of(std::size_t bytes) {
  std::byte* to = nullptr;
  kith::Entry entry;
  entry.value = kith::Value::uninitialized(bytes, &to);
  std::fill_n(to, bytes, std::byte{0x5a});
  return entry;
}

/// Times each of `count` calls of operation(i) and prints how long the longest took.
void time_each(const char* what, int count, const std::function<void(int)>& operation) {
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const double start = thread_ns();
    operation(i);
    times.push_back(thread_ns() - start);
  }
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))] / 1000;
  };
  std::printf("%-34s %9d %10.2f %10.1f %10.1f %10.1f\n", what, count, at(0.5), at(0.999),
              at(0.99999), at(1));
}

}  // namespace

int main() {
  std::printf("machine: %s\n", kith::bench::machine_line().c_str());
  std::printf("%-34s %9s %10s %10s %10s %10s\n", "microseconds of the thread", "calls", "median",
              "99.9 %", "99.999 %", "longest");
  kith::Rng rng(1);
  const auto put = [](kith::store::Store& store, std::uint64_t n, kith::Entry entry) {
    store.put(kith::KeyView::of(BenchKey::nth(n).view()), std::move(entry), kith::TimePoint());
  };

  kith::store::Store large({.budget_bytes = 1024 * kMiB});
  time_each("put, growing to 4 million", 4'000'000,
            [&](int i) { put(large, static_cast<std::uint64_t>(i), entry_of(100)); });
  time_each("put, replacing", 1'000'000,
            [&](int) { put(large, rng.below(4'000'000), entry_of(100)); });
  time_each("get, of 4 million", 1'000'000, [&](int) {
    static_cast<void>(large.get(kith::KeyView::of(BenchKey::nth(rng.below(4'000'000)).view()),
                                kith::TimePoint()));
  });
  time_each("erase, 4 million to none", 4'000'000, [&](int i) {
    large.erase(kith::KeyView::of(BenchKey::nth(static_cast<std::uint64_t>(i)).view()));
  });

  kith::store::Store full({.budget_bytes = 256 * kMiB});
  std::uint64_t next = 0;
  time_each("put, filling 256 MiB and evicting", 4'000'000,
            [&](int) { put(full, next++, entry_of(100)); });
  time_each("put of 64 KiB into that", 20'000, [&](int) { put(full, next++, entry_of(64 << 10)); });
  time_each("put of 100 B into that", 2'000'000, [&](int) { put(full, next++, entry_of(100)); });
  const kith::Entry large_entry = entry_of(8 * kMiB);
  time_each("put of 8 MiB into that", 100, [&](int) { put(full, next++, large_entry); });
  time_each("put of 1 B to 64 KiB", 1'000'000,
            [&](int) { put(full, next++, entry_of(std::size_t{1} << rng.below(17))); });
  full.set_budget(64 * kMiB);
  time_each("put after the budget was quartered", 200'000,
            [&](int) { put(full, next++, entry_of(100)); });
  full.set_budget(32 * kMiB);
  time_each("maintain after it was halved", 2'000, [&](int) { full.maintain(kith::TimePoint()); });
  time_each("clear", 1, [&](int) { full.clear(); });
  return 0;
}
