// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "sim/pool/checkers/checker.h"

namespace kith::sim::pool {

/// Some time after everything works again, everybody believes exactly the same, and the truth: who
/// is there, and where. Two halves that can reach each other are one pool.
class OneView final : public Checker {
 public:
  /// `wrong` counts the beliefs that are not so.
  explicit OneView(std::function<std::size_t()> wrong)
      : Checker("OneView"), wrong_(std::move(wrong)) {}

  /// The time that the pool has is over.
  void demand(TimePoint now) {
    if (const std::size_t wrong = wrong_(); wrong > 0) {
      found(now, std::to_string(wrong) + " beliefs are wrong");
    }
  }

 private:
  std::function<std::size_t()> wrong_;
};

}  // namespace kith::sim::pool
