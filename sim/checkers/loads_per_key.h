// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// Counts the loads of each key; what the checkers of load counts have in common.
class LoadsPerKey : public Checker {
 public:
  using Checker::Checker;
  void on_get(const Request& request) override { asked_.insert(request.key); }
  void on_load_started(const Load& load) override { ++loads_[load.key]; }

 protected:
  const std::set<std::size_t>& asked() const { return asked_; }
  std::size_t loads_of(std::size_t key) const {
    const auto found = loads_.find(key);
    return found == loads_.end() ? 0 : found->second;
  }

 private:
  std::set<std::size_t> asked_;
  std::map<std::size_t, std::size_t> loads_;
};

}  // namespace kith::sim
