// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "base/testing/eventually.h"
#include "core/membership/profile.h"

// For tests of pools on loopback.
namespace kith::edge {

inline bool eventually(const std::function<bool()>& condition) {
  return holds_within(std::chrono::seconds(30), condition);
}

/// Quick, and still patient enough for a machine that is busy with other things.
inline membership::Profile quick_profile() {
  using std::chrono::milliseconds;
  membership::Profile profile = membership::local_profile();
  profile.probe_interval = milliseconds(200);
  profile.probe_timeout = milliseconds(100);
  profile.suspicion_mult = 5;
  profile.gossip_interval = milliseconds(50);
  profile.push_pull_interval = std::chrono::seconds(1);
  return profile;
}

}  // namespace kith::edge
