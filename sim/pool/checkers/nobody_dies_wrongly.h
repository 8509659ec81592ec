// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "sim/pool/checkers/checker.h"

namespace kith::sim::pool {

/// Nobody declares a host failed whose process is there. Excused are those that the scenario says.
class NobodyDiesWrongly final : public Checker {
 public:
  using Excused = std::function<bool(HostIndex observer, HostIndex subject)>;

  /// `is_up` tells whether the host's process is there.
  explicit NobodyDiesWrongly(std::function<bool(HostIndex)> is_up, Excused excused = {})
      : Checker("NobodyDiesWrongly"), is_up_(std::move(is_up)), excused_(std::move(excused)) {}

  void on_report(const Report& report) override {
    if (report.kind != Told::Kind::failed || !is_up_(report.subject)) return;
    if (excused_ && excused_(report.observer, report.subject)) return;
    found(report.at, "host " + std::to_string(report.observer) + " declared host " +
                         std::to_string(report.subject) + " failed, which is there");
  }

 private:
  std::function<bool(HostIndex)> is_up_;
  Excused excused_;
};

}  // namespace kith::sim::pool
