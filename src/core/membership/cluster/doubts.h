// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline_queue.h"
#include "base/ids.h"

namespace kith::membership {

/// Who is doubted, and by whom: the accusers of a node's incarnation, and the observers of its
/// process' end. Three of the former, or two of the latter, make it unreachable. Knows names only;
/// whether they are members' is checked before. Pure; one thread.
class Doubts {
 public:
  static constexpr std::size_t kAccusers = 3;
  static constexpr std::size_t kObservers = 2;
  /// From the second observation on, to show that it lives.
  static constexpr Duration kLastChance = std::chrono::seconds(1);
  /// A single observation is forgotten after it.
  static constexpr Duration kRemember = std::chrono::seconds(10);
  /// Nodes doubted at once; further ones are left to the suspicion that plain members know, too.
  static constexpr std::size_t kMost = 4096;

  struct Doubt {
    std::uint32_t incarnation = 0;
    std::vector<std::string> accusers = {};
    BootId boot = {};
    std::vector<std::string> observers = {};
    bool unreachable = false;
    /// With enough observers, when it is declared dead. With too few, when they are forgotten.
    std::optional<TimePoint> due = {};
  };

  /// Null: this adds nothing. A later incarnation than was doubted puts an end to the former doubt.
  const Doubt* accuse(std::string_view name, std::uint32_t incarnation, std::string_view accuser);
  const Doubt* observe_gone(std::string_view name, BootId boot, std::string_view observer,
                            TimePoint now);
  /// True when the doubt's weight has just become enough: once for each doubt.
  bool became_unreachable(std::string_view name);
  /// The node refuted, or has another boot, or is no member any more. Whether it was unreachable.
  bool end(std::string_view name);

  const Doubt* find(std::string_view name) const;
  bool unreachable(std::string_view name) const;
  std::size_t unreachable_count() const { return unreachable_; }

  /// Who had its last chance.
  std::vector<std::string> on_deadline(TimePoint now);
  /// May be of somebody who is not doubted any more.
  std::optional<TimePoint> next_deadline() const { return dues_.next(); }
  /// Nobody's last chance is over before.
  void postpone(TimePoint at_least);

 private:
  Doubt* doubt(std::string_view name);

  std::map<std::string, Doubt, std::less<>> doubts_;
  DeadlineQueue<std::string> dues_;
  std::size_t unreachable_ = 0;
};

}  // namespace kith::membership
