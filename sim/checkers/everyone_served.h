// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// Where the scenario gives every request the means and the time to succeed, each does, but those
/// that were withdrawn and those that the scenario set too short a deadline.
class EveryoneServed final : public Checker {
 public:
  /// Requests with less time than this may time out.
  EveryoneServed(Findings& findings, Duration enough)
      : Checker("EveryoneServed", findings), enough_(enough) {}

  void on_ended(const Request& request, const Result<fetch::Answer>& result,
                TimePoint now) override {
    if (result || request.withdrawn) return;
    if (result.error().code == ErrorCode::timed_out &&
        request.deadline - request.issued < enough_) {
      return;
    }
    found(now, name_of(request) + " failed: " + std::string(to_string(result.error().code)) + " " +
                   result.error().message);
  }

 private:
  Duration enough_;
};

}  // namespace kith::sim
