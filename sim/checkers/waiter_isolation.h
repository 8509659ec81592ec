// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// What one caller does to itself reaches no other: a request ends as cancelled only if it was
/// itself withdrawn or its node was stopped, and as timed out only when its own time is over.
class WaiterIsolation final : public Checker {
 public:
  explicit WaiterIsolation(Findings& findings) : Checker("WaiterIsolation", findings) {}

  void on_gone(NodeIndex node, TimePoint) override { gone_.insert(node); }
  void on_ended(const Request& request, const Result<fetch::Answer>& result,
                TimePoint now) override {
    if (result) return;
    if (result.error().code == ErrorCode::cancelled && !request.withdrawn &&
        !gone_.contains(request.node)) {
      found(now, name_of(request) + " was cancelled, but not withdrawn: " + result.error().message);
    }
    if (result.error().code == ErrorCode::timed_out && now < request.deadline) {
      found(now, name_of(request) + " timed out before its time: " + result.error().message);
    }
  }

 private:
  std::set<NodeIndex> gone_;
};

}  // namespace kith::sim
