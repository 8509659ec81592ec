// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "sim/checkers/checker.h"
#include "sim/origin.h"

namespace kith::sim {

/// A value that a request is answered with is one that the origin made for that key.
class ValuesBelongToKeys final : public Checker {
 public:
  ValuesBelongToKeys(Findings& findings, std::span<const KeyPlan> keys)
      : Checker("ValuesBelongToKeys", findings), keys_(keys) {}

  void on_ended(const Request& request, const Result<fetch::Answer>& result,
                TimePoint now) override {
    if (!result || !result->value) return;
    if (!Origin::belongs(keys_[request.key], result->value->view())) {
      found(now, name_of(request) + " got " + std::to_string(result->value->size()) +
                     " bytes that are not of its key");
    }
  }

 private:
  std::span<const KeyPlan> keys_;
};

}  // namespace kith::sim
