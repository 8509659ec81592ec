// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// Whoever asks from `from` on, all get the same value of a key, at whatever node: for coherent
/// caches whose nodes agree about the view, with values that neither expire nor are evicted.
class OneValuePerKey final : public Checker {
 public:
  OneValuePerKey(Findings& findings, TimePoint from)
      : Checker("OneValuePerKey", findings), from_(from) {}

  void on_ended(const Request& request, const Result<fetch::Answer>& result,
                TimePoint now) override {
    if (request.issued < from_ || !result || !result->value) return;
    const auto [first, is_first] = values_.emplace(request.key, result->value->to_string());
    if (!is_first && first->second != result->value->view()) {
      found(now, name_of(request) + " got another value than somebody before");
    }
  }

 private:
  TimePoint from_;
  std::map<std::size_t, std::string> values_;
};

}  // namespace kith::sim
