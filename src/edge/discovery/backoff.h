// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/rng.h"

namespace kith::edge::discovery {

/// A watch that ends sooner is not taken up again at once.
inline constexpr Duration kShortestWatch = std::chrono::seconds(1);

/// How long to wait after a failure: twice as long each time, from a quarter of a second to
/// `longest`, and by up to half more or less, so that nodes that lost their source together do not
/// come back together.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed, Duration longest = std::chrono::seconds(30))
      : longest_(longest), rng_(seed) {}

  Duration next() {
    // After ten doublings it is the longest that anybody may want.
    const Duration pause = std::min(longest_, kFirst * (1 << std::min(failures_, 10)));
    ++failures_;
    return Duration(rng_.between(pause.count() / 2, pause.count() * 3 / 2));
  }
  void reset() { failures_ = 0; }

 private:
  static constexpr Duration kFirst = std::chrono::milliseconds(250);

  Duration longest_;
  Rng rng_;
  int failures_ = 0;
};

}  // namespace kith::edge::discovery
