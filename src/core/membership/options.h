// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/membership/messages.h"
#include "core/membership/profile.h"
#include "core/membership/versions.h"

namespace kith::membership {

struct Options {
  /// Who this node is in the pool; nobody else may have the name. Not empty.
  std::string name;
  /// Where others reach it, by packets and by streams.
  Address address;
  /// Known to all members with the name; at most kMaxMeta.
  std::string meta = {};
  Versions versions = kVersions;
  /// What the node's incarnations begin with, at least 1. A node that is given more than its last
  /// life had is believed at once; otherwise it learns its old one from the member it joins.
  std::uint32_t incarnation = 1;
  /// Of the node's random choices.
  std::uint64_t seed = 0;
  Profile profile = {};

  /// The largest packet, and what label and encryption take of it.
  std::size_t packet_bytes = 1400;
  std::size_t packet_overhead = 0;
  /// Members known at once, the forgettable dead included. Further ones are not taken in.
  std::size_t max_members = 16'384;

  /// A name that turns up at another address is given to it when nobody answers to the name at the
  /// old one: a restarted process with a new address is back within two probe timeouts. Off:
  /// memberlist's rule, which is to wait until the old one is forgotten.
  bool verify_moves = true;
  /// A deadline met later than this shows that this node itself stood still. What it was waiting
  /// for may be among what it has not read yet, so it judges nobody until it had the time to.
  Duration own_stall = std::chrono::milliseconds(100);
  /// Who passes on an accusation that was refuted is told so, and suspects get a last warning
  /// before they are declared dead: a refutation that gossip did not bring everywhere costs no
  /// life. Off: memberlist's rule, which is to rely on gossip.
  bool corrections = true;
  /// Relays report that they have no answer while the requester still waits for it. Off:
  /// memberlist's moment, which by its own defaults is when he no longer does.
  bool nacks_in_time = true;
  /// Whether a node may be a member. Asked about every alive claim; empty: everybody.
  std::function<bool(const Alive&)> admit = {};
};

/// What a node may attach to itself.
inline constexpr std::size_t kMaxMeta = 512;

}  // namespace kith::membership
