// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sim/checkers/checker.h"
#include "sim/pool/machine.h"
#include "sim/pool/network.h"

namespace kith::sim::pool {

using sim::Finding;
using sim::Findings;

/// What happens to a host, apart from what its machine does.
enum class Fate : std::uint8_t {
  started,
  killed,    ///< The process died; its kernel answers for it.
  vanished,  ///< Nothing answers.
  leaving,
  paused,
  resumed,
  clock_jumped,
};

/// One thing that a host told its user about another.
struct Report {
  TimePoint at;
  HostIndex observer;
  HostIndex subject;
  Told::Kind kind;
  /// What the observer holds for the subject's, and the highest that the subject has used.
  std::uint32_t incarnation = 0;
  std::uint32_t highest = 0;
};

/// Watches one invariant over the history of one pool. Sees what users and operators see.
class Checker {
 public:
  explicit Checker(std::string_view name) : name_(name) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  virtual void on_fate(HostIndex host, Fate fate, TimePoint now) {
    static_cast<void>(host), static_cast<void>(fate), static_cast<void>(now);
  }
  virtual void on_report(const Report& report) { static_cast<void>(report); }

  /// How often the invariant was broken.
  std::size_t count() const { return count_; }
  const Findings& findings() const { return findings_; }

 protected:
  void found(TimePoint at, std::string what) {
    if (++count_ <= kMostFindings) findings_.push_back({name_, at, std::move(what)});
  }

 private:
  static constexpr std::size_t kMostFindings = 5;
  std::string name_;
  std::size_t count_ = 0;
  Findings findings_;
};

}  // namespace kith::sim::pool
