// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "sim/pool/checkers/nobody_dies_wrongly.h"
#include "sim/pool/checkers/one_view.h"
#include "sim/pool/checkers/only_the_subject_raises.h"
#include "sim/pool/pool.h"
#include "sim/pool/scenario.h"

// What the scenarios share.
namespace kith::sim::pool {

inline PoolOptions options_of(const Setting& setting) {
  return {setting.variant, setting.seed, setting.lifeguard};
}

/// Some span between `low` and `high`.
inline Duration some(Pool& pool, Duration low, Duration high) {
  return Duration(pool.rng().between(low.count(), high.count()));
}

/// Seconds until the condition holds; kNever when it does not within `most`.
template <class Condition>
double seconds_until(Pool& pool, Condition condition, Duration most) {
  const TimePoint start = pool.now();
  return pool.run_until(condition, most) ? seconds(pool.now() - start) : kNever;
}

/// Counts what is reported of hosts: each suspicion and each death once, however many observers
/// tell of it, and by how many of them.
class Census final : public Checker {
 public:
  explicit Census(const Pool& pool) : Checker("Census"), pool_(pool) {}

  void on_report(const Report& report) override {
    const std::pair which{report.subject, report.highest};
    if (report.kind == Told::Kind::suspected) {
      suspicions_.insert(which);
      if (!first_suspicion_) first_suspicion_ = report.at;
    }
    if (report.kind == Told::Kind::unreachable) {
      if (pool_.up(report.subject)) false_unreachable_.insert(which);
    }
    if (report.kind == Told::Kind::failed) {
      ++failed_reports_[report.observer];
      if (pool_.up(report.subject)) {
        false_deaths_.insert(which);
        ++false_declarations_;
      }
    }
    if (report.kind == Told::Kind::updated) updated_[report.subject].insert(report.observer);
  }

  std::size_t suspicions() const { return suspicions_.size(); }
  std::optional<TimePoint> first_suspicion() const { return first_suspicion_; }
  /// Of hosts whose process is there, paused or not.
  std::size_t false_unreachable() const { return false_unreachable_.size(); }
  std::size_t false_deaths() const { return false_deaths_.size(); }
  /// ... each observer's counted.
  std::size_t false_declarations() const { return false_declarations_; }
  std::size_t failed_reports(HostIndex observer) const {
    const auto entry = failed_reports_.find(observer);
    return entry == failed_reports_.end() ? 0 : entry->second;
  }
  /// How many observers noticed a change of the subject.
  std::size_t noticed(HostIndex subject) const {
    const auto entry = updated_.find(subject);
    return entry == updated_.end() ? 0 : entry->second.size();
  }

 private:
  using Which = std::set<std::pair<HostIndex, std::uint32_t>>;
  const Pool& pool_;
  Which suspicions_;
  Which false_unreachable_;
  Which false_deaths_;
  std::size_t false_declarations_ = 0;
  std::optional<TimePoint> first_suspicion_;
  std::map<HostIndex, std::size_t> failed_reports_;
  std::map<HostIndex, std::set<HostIndex>> updated_;
};

/// Whether a host has been awake for some time: others' news of it and its answers are through.
class Awake final : public Checker {
 public:
  Awake(const Pool& pool, Duration settled) : Checker("Awake"), pool_(pool), settled_(settled) {}

  void on_fate(HostIndex host, Fate fate, TimePoint now) override {
    if (fate == Fate::paused || fate == Fate::resumed || fate == Fate::clock_jumped) {
      disturbed_[host] = now;
    }
  }
  bool operator()(HostIndex host) const {
    if (pool_.paused(host)) return false;
    const auto entry = disturbed_.find(host);
    return entry == disturbed_.end() || pool_.now() - entry->second >= settled_;
  }

 private:
  const Pool& pool_;
  Duration settled_;
  std::map<HostIndex, TimePoint> disturbed_;
};

}  // namespace kith::sim::pool
