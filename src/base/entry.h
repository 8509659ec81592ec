// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>
#include <kith/value.h>
#include <kith/version.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kith {

using Tags = std::shared_ptr<const std::vector<std::string>>;

/// Why a node holds an entry.
enum class Holding : std::uint8_t {
  owned,   ///< It owned the key when the value was loaded.
  guest,   ///< It stood in for the owner; a short life.
  mirror,  ///< A copy of what another node answered.
};

/// What a node keeps for a key. What a hit reads stands first.
struct Entry {
  Value value;
  /// First moment at which the entry is no longer fresh. TimePoint::max(): never.
  TimePoint expires = TimePoint::max();
  /// The origin has no value for the key; `value` is empty.
  bool negative = false;
  Holding holding = Holding::owned;
  Version version = {};
  /// How long the load took, for early refresh.
  Duration load_cost = Duration::zero();
  /// Until when the expired value may stand in for a failing loader. At least `expires`.
  TimePoint stale_until = TimePoint::max();
  Tags tags = {};
};

}  // namespace kith
