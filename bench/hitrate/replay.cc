// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/replay.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

namespace kith::bench::hitrate {
namespace {

using Seconds = std::chrono::duration<double>;

/// One line; lines of several threads do not mix.
void report_progress(const Comparison& comparison, const PolicyKind& kind, const Score& score,
                     Seconds took) {
  std::fprintf(stderr, "%-24s %-8s %-7s %-13s %.4f  %.1f s\n", comparison.spec.trace.name().c_str(),
               comparison.size.label().c_str(),
               comparison.spec.bound == Bound::objects ? "objects" : "bytes",
               std::string(kind.name).c_str(),
               static_cast<double>(score.hits) / static_cast<double>(score.requests), took.count());
}

}  // namespace

Score replay(Policy& policy, const Trace& trace, Bound bound) {
  Score score;
  for (std::size_t i = 0; i < trace.requests(); ++i) {
    const std::uint32_t bytes = trace.size(i);
    const bool hit = policy.access(trace.key(i), bound == Bound::objects ? 1 : bytes);
    score.bytes += bytes;
    if (hit) score.hit_bytes += bytes;
    score.hits += hit ? 1 : 0;
  }
  score.requests = trace.requests();
  score.used = policy.used();
  return score;
}

std::string CacheSize::label() const {
  if (objects != 0) return "n=" + std::to_string(objects);
  char text[32];
  std::snprintf(text, sizeof(text), "%g", share);
  return text;
}

std::optional<CacheSpec> spec_of(const Trace& trace, Bound bound, const CacheSize& size) {
  const double mean =
      static_cast<double>(trace.unique_bytes()) / static_cast<double>(trace.unique_objects());
  const double objects = size.objects != 0
                             ? static_cast<double>(size.objects)
                             : size.share * static_cast<double>(trace.unique_objects());
  const auto expected = static_cast<std::uint64_t>(std::llround(objects));
  if (expected < kMinObjects) return std::nullopt;
  const auto capacity =
      bound == Bound::objects ? expected : static_cast<std::uint64_t>(std::llround(objects * mean));
  return CacheSpec{
      .bound = bound, .capacity = capacity, .expected_objects = expected, .trace = trace};
}

void run(std::span<const PolicyKind* const> kinds, std::span<Comparison> comparisons, int jobs) {
  for (Comparison& comparison : comparisons) comparison.scores.resize(kinds.size());
  const std::size_t cells = kinds.size() * comparisons.size();
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t cell; (cell = next.fetch_add(1)) < cells;) {
      Comparison& comparison = comparisons[cell / kinds.size()];
      const PolicyKind& kind = *kinds[cell % kinds.size()];
      const auto began = std::chrono::steady_clock::now();
      const auto policy = kind.make(comparison.spec);
      Score& score = comparison.scores[cell % kinds.size()];
      score = replay(*policy, comparison.spec.trace, comparison.spec.bound);
      report_progress(comparison, kind, score, std::chrono::steady_clock::now() - began);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < jobs; ++i) threads.emplace_back(work);
  work();
}

}  // namespace kith::bench::hitrate
