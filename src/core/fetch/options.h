// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kith::fetch {

/// The miss path's settings for one cache. Meanings as in kith::CacheOptions; values are checked
/// there.
struct Options {
  bool immutable = false;
  /// False: a miss at the owner is "not found".
  bool has_loader = true;
  Duration default_ttl = Duration::zero();
  double ttl_jitter = 0.05;
  Duration negative_ttl = std::chrono::seconds(1);
  Duration stale_if_error = std::chrono::seconds(30);
  Duration load_timeout = std::chrono::seconds(10);
  int max_concurrent_loads = 64;
  int max_queued_loads = 100'000;
  std::uint64_t max_value_bytes = 8u << 20;
  double early_refresh = 1.0;

  /// How long a stand-in keeps what it loaded in the owner's place.
  Duration guest_ttl = std::chrono::seconds(2);
  /// A key whose load failed is not loaded again for a time between these two.
  Duration hold_off_min = std::chrono::milliseconds(50);
  Duration hold_off_max = std::chrono::milliseconds(200);
  /// Requests to peers that may be under way at once; more are refused as resource_exhausted.
  std::size_t max_asks = 1'000'000;
};

/// Answers "not the owner" that a request follows before it turns to the stand-in.
inline constexpr int kMaxRedirects = 2;

}  // namespace kith::fetch
