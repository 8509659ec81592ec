// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdio>

#include "sim/pool/checkers/checker.h"
#include "sim/pool/traffic.h"

namespace kith::sim::pool {

/// On average over some time, a node sends no more than so many bytes a second.
class TrafficBound final : public Checker {
 public:
  explicit TrafficBound(double bytes_per_second)
      : Checker("TrafficBound"), bound_(bytes_per_second) {}

  /// What all of `nodes` sent within `span`. Returns the bytes per node and second.
  double demand(const Traffic& sent, std::size_t nodes, Duration span, TimePoint now) {
    const double rate = static_cast<double>(sent.bytes()) / static_cast<double>(nodes) /
                        std::chrono::duration<double>(span).count();
    if (rate > bound_) {
      char text[80];
      std::snprintf(text, sizeof text, "%.0f bytes per node and second, %.0f are allowed", rate,
                    bound_);
      found(now, text);
    }
    return rate;
  }

 private:
  double bound_;
};

}  // namespace kith::sim::pool
