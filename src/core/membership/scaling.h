// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/membership/profile.h"

// How the protocol adapts to the number of members n, which counts this node and the dead that are
// not forgotten yet.
namespace kith::membership {

/// How often one piece of news is sent: retransmit_mult * ceil(log10(n + 1)).
constexpr std::uint32_t retransmit_limit(const Profile& profile, std::size_t n) {
  std::uint32_t digits = 0;
  for (std::uint64_t power = 1; power < n + 1; power *= 10) ++digits;
  return static_cast<std::uint32_t>(profile.retransmit_mult) * digits;
}

/// One more interval each time the pool doubles beyond 32.
constexpr Duration push_pull_interval(const Profile& profile, std::size_t n) {
  if (n <= 32) return profile.push_pull_interval;
  return profile.push_pull_interval * (std::bit_width(n - 1) - 4);
}

struct SuspicionBounds {
  /// Confirmations by others that shorten the time from max to min.
  int confirmations = 0;
  Duration min;
  Duration max;
};

inline SuspicionBounds suspicion_bounds(const Profile& profile, std::size_t n) {
  SuspicionBounds bounds;
  bounds.confirmations = std::max(0, profile.suspicion_mult - 2);
  // Nobody else is there to confirm: do not wait for it.
  if (n < static_cast<std::size_t>(bounds.confirmations) + 2) bounds.confirmations = 0;
  const double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(n))));
  const auto thousandths = static_cast<std::int64_t>(scale * 1000);
  bounds.min = std::max(profile.suspicion_floor,
                        profile.suspicion_mult * thousandths * profile.probe_interval / 1000);
  bounds.max = profile.suspicion_max_timeout_mult * bounds.min;
  return bounds;
}

}  // namespace kith::membership
