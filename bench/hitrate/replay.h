// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "bench/hitrate/policies.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// What a policy made of a trace.
struct Score {
  std::uint64_t requests = 0;
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hit_bytes = 0;
  /// What the policy held at the end, of its capacity.
  std::uint64_t used = 0;
};

/// Gives the policy all requests of the trace. It must be new.
Score replay(Policy& policy, const Trace& trace, Bound bound);

/// A size of cache, as a share of the trace's footprint or as a number of objects.
struct CacheSize {
  /// Nonzero: instead of the share.
  std::uint64_t objects = 0;
  double share = 0;

  friend bool operator==(const CacheSize&, const CacheSize&) = default;
  /// Shares before numbers, the smaller first.
  friend bool operator<(const CacheSize& a, const CacheSize& b) {
    return std::tie(a.objects, a.share) < std::tie(b.objects, b.share);
  }
  /// "0.01", or "n=1000".
  std::string label() const;
};

/// Smaller caches are not worth comparing.
inline constexpr std::uint64_t kMinObjects = 5;

/// The cache of that size. Empty: it would hold fewer than kMinObjects objects of mean size.
std::optional<CacheSpec> spec_of(const Trace& trace, Bound bound, const CacheSize& size);

/// One trace, one cache, all policies.
struct Comparison {
  CacheSize size;
  CacheSpec spec;
  /// In the order of the policies.
  std::vector<Score> scores;
};

/// Replays the trace for each policy in each of the comparisons and fills their scores, with up to
/// `jobs` threads. Says on standard error how it goes.
void run(std::span<const PolicyKind* const> kinds, std::span<Comparison> comparisons, int jobs);

}  // namespace kith::bench::hitrate
