// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// When a key's owner dies or falls silent, all callers turn to the same stand-in, which loads
/// once: no key has more than one load beside the owner's, and that is on the node ranked next.
class StandInConvergence final : public Checker {
 public:
  /// Per key: its owner, and who stands in for it.
  struct Ranks {
    NodeIndex owner;
    NodeIndex stand_in;
  };
  StandInConvergence(Findings& findings, std::map<std::size_t, Ranks> ranks)
      : Checker("StandInConvergence", findings), ranks_(std::move(ranks)) {}

  void on_load_started(const Load& load) override {
    const auto known = ranks_.find(load.key);
    if (known == ranks_.end()) return;
    const Ranks& ranks = known->second;
    std::size_t& on_node = loads_on_[{load.key, load.node}];
    if (++on_node > 1) {
      found(load.started,
            "n" + std::to_string(load.node) + " loaded key " + std::to_string(load.key) + " again");
    }
    if (load.node != ranks.owner && load.node != ranks.stand_in) {
      found(load.started, "n" + std::to_string(load.node) + " loaded key " +
                              std::to_string(load.key) + ", which n" +
                              std::to_string(ranks.stand_in) + " stands in for");
    }
  }

 private:
  std::map<std::size_t, Ranks> ranks_;
  std::map<std::pair<std::size_t, NodeIndex>, std::size_t> loads_on_;
};

}  // namespace kith::sim
