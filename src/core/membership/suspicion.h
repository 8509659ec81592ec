// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/membership/scaling.h"

namespace kith::membership {

/// The time that one suspect has left (Lifeguard): long while one member alone suspects it, shorter
/// with each other member that does, on a logarithmic scale.
class Suspicion {
 public:
  Suspicion(std::string accuser, const SuspicionBounds& bounds, TimePoint now);

  /// Another accusation. False when it adds nothing: an accuser known already, or enough of them.
  bool confirm(std::string_view accuser, TimePoint now);
  /// When the suspect is to be declared dead. Never before the `now` of the call that set it.
  TimePoint deadline() const { return deadline_; }
  void postpone(TimePoint at_least);

  /// Whether the suspect got its last warning.
  bool warned() const { return warned_; }
  void set_warned() { warned_ = true; }

 private:
  Duration total() const;

  SuspicionBounds bounds_;
  TimePoint start_;
  TimePoint deadline_;
  bool warned_ = false;
  /// The first does not count as a confirmation.
  std::vector<std::string> accusers_;
};

}  // namespace kith::membership
