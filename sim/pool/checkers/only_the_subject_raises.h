// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sim/pool/checkers/checker.h"

namespace kith::sim::pool {

/// Nobody holds of a host a higher incarnation than the host itself has ever had.
class OnlyTheSubjectRaises final : public Checker {
 public:
  OnlyTheSubjectRaises() : Checker("OnlyTheSubjectRaises") {}

  void on_report(const Report& report) override {
    if (report.incarnation <= report.highest) return;
    found(report.at, "host " + std::to_string(report.observer) + " holds incarnation " +
                         std::to_string(report.incarnation) + " of host " +
                         std::to_string(report.subject) + ", which has had " +
                         std::to_string(report.highest));
  }
};

}  // namespace kith::sim::pool
