// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "core/membership/messages.h"

namespace kith::membership {

class Members;

/// What memberlist of today says it understands, and what kith does.
inline constexpr Versions kVersions = {1, 5, 2, 0, 0, 0};

/// The protocol's range in `versions`. What a peer can do is told by its maximum, not by what it
/// speaks at present.
struct Understands {
  static constexpr bool stream_pings(const Versions& versions) { return versions[1] >= 3; }
  static constexpr bool nacks(const Versions& versions) { return versions[1] >= 4; }
  static constexpr bool checksums(const Versions& versions) { return versions[1] >= 5; }
};

/// Whether a record with these versions may be kept. One that contradicts itself would make every
/// push/pull of the pool fail, between whomever.
constexpr bool consistent(const Versions& v) {
  return v[0] != 0 && v[0] <= v[2] && v[2] <= v[1] && v[3] <= v[5] && v[5] <= v[4];
}

/// memberlist's condition for merging a push/pull: everybody, dead or alive, here or there, speaks
/// a version that all living ones understand.
bool compatible(std::span<const NodeState> remote, const Members& local);

}  // namespace kith::membership
