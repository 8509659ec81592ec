// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// No request outlives its deadline: it ends by then, give or take the timer of its node. A node
/// that stood still at the deadline ends it when it wakes.
class DeadlineRespected final : public Checker {
 public:
  DeadlineRespected(Findings& findings, Duration timer_slack)
      : Checker("DeadlineRespected", findings),
        slack_(timer_slack + std::chrono::microseconds(10)) {}

  void on_paused(NodeIndex node, TimePoint now) override {
    pauses_[node] = {now, TimePoint::max()};
  }
  void on_resumed(NodeIndex node, TimePoint now) override { pauses_[node].second = now; }
  void on_gone(NodeIndex node, TimePoint) override { pauses_.erase(node); }
  void on_ended(const Request& request, const Result<fetch::Answer>&, TimePoint now) override {
    TimePoint latest = request.deadline;
    const auto pause = pauses_.find(request.node);
    if (pause != pauses_.end() && pause->second.first <= latest + slack_) {
      latest = std::max(latest, pause->second.second);
    }
    if (now > latest + slack_) {
      found(now, name_of(request) + " ended " +
                     std::to_string(std::chrono::duration<double>(now - request.deadline).count()) +
                     " s after its deadline");
    }
  }

 private:
  Duration slack_;
  /// The last pause of each node.
  std::map<NodeIndex, std::pair<TimePoint, TimePoint>> pauses_;
};

}  // namespace kith::sim
