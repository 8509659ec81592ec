// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/checkers/loads_per_key.h"

namespace kith::sim {

/// While two fixed views disagree and nothing fails, expires or is evicted, no key is loaded more
/// than twice in the whole cluster.
class AtMostTwoLoads final : public LoadsPerKey {
 public:
  explicit AtMostTwoLoads(Findings& findings) : LoadsPerKey("AtMostTwoLoads", findings) {}

  void on_load_started(const Load& load) override {
    LoadsPerKey::on_load_started(load);
    if (loads_of(load.key) <= 2) return;
    found(load.started, "load number " + std::to_string(loads_of(load.key)) + " of key " +
                            std::to_string(load.key) + ", on n" + std::to_string(load.node));
  }
};

}  // namespace kith::sim
