// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/history.h"

namespace kith::sim {

/// A broken invariant.
struct Finding {
  std::string checker;
  TimePoint at;
  std::string what;
};
using Findings = std::vector<Finding>;

/// Watches one invariant over the history of one simulation. Stands outside of the system: it sees
/// what users, loaders and operators see, never the core's insides.
class Checker {
 public:
  Checker(std::string_view name, Findings& findings) : name_(name), findings_(findings) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  virtual void on_get(const Request& request) { static_cast<void>(request); }
  virtual void on_withdrawn(const Request& request) { static_cast<void>(request); }
  /// `now` is the moment of the answer. Told for a second answer to a request, too.
  virtual void on_ended(const Request& request, const Result<fetch::Answer>& result,
                        TimePoint now) {
    static_cast<void>(request), static_cast<void>(result), static_cast<void>(now);
  }
  virtual void on_load_started(const Load& load) { static_cast<void>(load); }
  virtual void on_load_answered(const Load& load) { static_cast<void>(load); }
  virtual void on_load_cancelled(const Load& load) { static_cast<void>(load); }
  virtual void on_paused(NodeIndex node, TimePoint now) {
    static_cast<void>(node), static_cast<void>(now);
  }
  virtual void on_resumed(NodeIndex node, TimePoint now) {
    static_cast<void>(node), static_cast<void>(now);
  }
  /// The node stopped or died; its requests were told as lost before, or end as cancelled.
  virtual void on_gone(NodeIndex node, TimePoint now) {
    static_cast<void>(node), static_cast<void>(now);
  }
  /// The part of the simulation that the checker watches is over.
  virtual void on_finish(std::span<const Remains> remains, TimePoint now) {
    static_cast<void>(remains), static_cast<void>(now);
  }

 protected:
  void found(TimePoint at, std::string what) {
    // The first few tell the story; a flood of the same would bury them.
    if (++count_ <= kMostFindings) findings_.push_back({name_, at, std::move(what)});
  }
  static std::string name_of(const Request& request) {
    return "request " + std::to_string(request.ticket.value) + " (n" +
           std::to_string(request.node) + ", key " + std::to_string(request.key) + ")";
  }

 private:
  static constexpr int kMostFindings = 5;
  std::string name_;
  Findings& findings_;
  int count_ = 0;
};

}  // namespace kith::sim
