// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "sim/checkers/checker.h"

namespace kith::sim {

/// A load that nobody waits for any more, wherever in the cluster, is cancelled as soon as the news
/// can have reached its node; and none is cancelled while somebody waits whose request can have.
class LastOneOut final : public Checker {
 public:
  /// `news` is how long a message may take.
  LastOneOut(Findings& findings, Duration news) : Checker("LastOneOut", findings), news_(news) {}

  void on_get(const Request& request) override {
    waiting_[request.key].callers.emplace(request.ticket.value, &request);
  }
  void on_withdrawn(const Request& request) override { leave(request, *request.withdrawn); }
  void on_ended(const Request& request, const Result<fetch::Answer>&, TimePoint now) override {
    leave(request, now);
  }
  void on_load_started(const Load& load) override { running_[load.serial] = &load; }
  void on_load_answered(const Load& load) override {
    running_.erase(load.serial);
    judge(load, *load.answered);
  }
  void on_load_cancelled(const Load& load) override {
    running_.erase(load.serial);
    for (const auto& [ticket, caller] : waiting_[load.key].callers) {
      // Its request may not have arrived yet, or its own time be over at this very moment.
      if (*load.cancelled <= caller->issued + news_ || *load.cancelled >= caller->deadline)
        continue;
      found(*load.cancelled, "the load of key " + std::to_string(load.key) +
                                 " was cancelled under request " + std::to_string(ticket));
    }
    judge(load, *load.cancelled);
  }
  void on_finish(std::span<const Remains>, TimePoint now) override {
    for (const auto& [serial, load] : running_) judge(*load, now);
  }

 private:
  struct Waiting {
    /// By ticket.
    std::map<std::uint64_t, const Request*> callers;
    TimePoint none_since = {};
  };
  void leave(const Request& request, TimePoint now) {
    Waiting& waiting = waiting_[request.key];
    if (waiting.callers.erase(request.ticket.value) > 0 && waiting.callers.empty()) {
      waiting.none_since = now;
    }
  }
  void judge(const Load& load, TimePoint end) {
    const Waiting& waiting = waiting_[load.key];
    if (!waiting.callers.empty() || end <= waiting.none_since + news_) return;
    found(end, "the load of key " + std::to_string(load.key) + " on n" + std::to_string(load.node) +
                   " went on for nobody");
  }

  Duration news_;
  std::map<std::size_t, Waiting> waiting_;
  std::map<std::uint64_t, const Load*> running_;
};

}  // namespace kith::sim
