// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <algorithm>

namespace kith::membership {

/// How far this node doubts its own health (Lifeguard): 0 is well. Probes that fail, relays that
/// stay silent and suspicions against itself raise the score, probes that succeed lower it. A node
/// in doubt gives the others more time, since it may well be the one that is slow.
class Awareness {
 public:
  /// The score stays in [0, max_multiplier).
  explicit Awareness(int max_multiplier) : most_(std::max(0, max_multiplier - 1)) {}

  void apply(int delta) { score_ = std::clamp(score_ + delta, 0, most_); }
  int score() const { return score_; }
  Duration scale(Duration interval) const { return interval * (score_ + 1); }

 private:
  int most_;
  int score_ = 0;
};

}  // namespace kith::membership
