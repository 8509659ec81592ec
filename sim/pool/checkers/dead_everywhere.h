// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "sim/pool/checkers/checker.h"

namespace kith::sim::pool {

/// Every process that ends is a member for nobody within a bound.
class DeadEverywhere final : public Checker {
 public:
  /// `believers` counts those who hold the host for a member.
  DeadEverywhere(Duration bound, std::function<std::size_t(HostIndex)> believers)
      : Checker("DeadEverywhere"), bound_(bound), believers_(std::move(believers)) {}

  void on_fate(HostIndex host, Fate fate, TimePoint now) override {
    if (fate == Fate::killed || fate == Fate::vanished) ended_[host] = now;
    if (fate == Fate::started) ended_.erase(host);
  }
  void on_report(const Report& report) override { demand(report.at); }
  /// Looks at those whose time is over.
  void demand(TimePoint now) {
    for (auto entry = ended_.begin(); entry != ended_.end();) {
      const auto [host, at] = *entry;
      if (now - at <= bound_) {
        ++entry;
        continue;
      }
      entry = ended_.erase(entry);
      if (const std::size_t believers = believers_(host); believers > 0) {
        found(now, "host " + std::to_string(host) + " ended, and " + std::to_string(believers) +
                       " hold it for a member still");
      }
    }
  }

 private:
  Duration bound_;
  std::function<std::size_t(HostIndex)> believers_;
  std::map<HostIndex, TimePoint> ended_;
};

}  // namespace kith::sim::pool
