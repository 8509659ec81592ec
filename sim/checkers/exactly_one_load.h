// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/checkers/loads_per_key.h"

namespace kith::sim {

/// While the view is stable, nothing fails and nothing expires or is evicted, each key that
/// somebody asks for is loaded exactly once in the whole cluster, however many ask, wherever.
class ExactlyOneLoad final : public LoadsPerKey {
 public:
  explicit ExactlyOneLoad(Findings& findings) : LoadsPerKey("ExactlyOneLoad", findings) {}

  void on_finish(std::span<const Remains>, TimePoint now) override {
    for (const std::size_t key : asked()) {
      if (loads_of(key) == 1) continue;
      found(now, "key " + std::to_string(key) + " was loaded " + std::to_string(loads_of(key)) +
                     " times");
    }
  }
};

}  // namespace kith::sim
