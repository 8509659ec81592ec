// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// Every request ends exactly once, but those of a process that died, which may end once.
class EndsExactlyOnce final : public Checker {
 public:
  explicit EndsExactlyOnce(Findings& findings) : Checker("EndsExactlyOnce", findings) {}

  void on_get(const Request& request) override { requests_[request.ticket.value] = {&request, 0}; }
  void on_ended(const Request& request, const Result<fetch::Answer>&, TimePoint now) override {
    const auto known = requests_.find(request.ticket.value);
    if (known == requests_.end()) {
      found(now, name_of(request) + " ended without having begun");
    } else if (++known->second.ends > 1) {
      found(now, name_of(request) + " ended again");
    }
  }
  void on_finish(std::span<const Remains>, TimePoint now) override {
    for (const auto& [ticket, state] : requests_) {
      if (state.ends == 0 && !state.request->lost) {
        found(now, name_of(*state.request) + " never ended");
      }
    }
  }

 private:
  struct State {
    const Request* request;
    int ends;
  };
  std::map<std::uint64_t, State> requests_;
};

}  // namespace kith::sim
