// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// Whatever happened, once the faults stop every node becomes idle, counts on nobody's answer any
/// more, reaches every other, and can have every key again.
class NothingWedged final : public Checker {
 public:
  explicit NothingWedged(Findings& findings) : Checker("NothingWedged", findings) {}

  void on_ended(const Request& request, const Result<fetch::Answer>& result,
                TimePoint now) override {
    if (!request.probe || result) return;
    found(now, name_of(request) + " failed with nothing in its way: " +
                   std::string(to_string(result.error().code)) + " " + result.error().message);
  }
  void on_finish(std::span<const Remains> remains, TimePoint now) override {
    for (const Remains& node : remains) {
      if (!node.idle) found(now, "n" + std::to_string(node.node) + " is not idle");
      if (node.expected != 0) {
        found(now, "n" + std::to_string(node.node) + " still counts on " +
                       std::to_string(node.expected) + " answers");
      }
      if (node.unreachable != 0) {
        found(now, "n" + std::to_string(node.node) + " cannot reach " +
                       std::to_string(node.unreachable) + " nodes");
      }
    }
  }
};

}  // namespace kith::sim
