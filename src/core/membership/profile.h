// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>

namespace kith::membership {

/// The timing of the protocol. All members of a pool should have the same; the defaults are
/// memberlist's for one local network.
struct Profile {
  /// One member is probed this often, while this node is in good health.
  Duration probe_interval = std::chrono::seconds(1);
  /// How long the direct ping may take before others are asked to try. Above the 99th percentile of
  /// a round trip, and below probe_interval.
  Duration probe_timeout = std::chrono::milliseconds(500);
  /// Pings of a probe, evenly within probe_timeout, while none is answered; at least 1. Relays make
  /// up to two of them. More keep the loss of packets from looking like the loss of members.
  int pings = 1;
  /// Members asked to ping one that does not answer.
  std::size_t indirect_checks = 3;
  /// Whether one that does not answer is pinged over a stream as well.
  bool stream_pings = true;
  /// The awareness score stays below it, so it bounds how much slower a node in poor health judges.
  int awareness_max_multiplier = 8;

  /// A suspect has at least suspicion_mult * log10(members) * probe_interval to refute, and
  /// suspicion_max_timeout_mult times that while nobody else confirms.
  int suspicion_mult = 4;
  int suspicion_max_timeout_mult = 6;
  /// The former is not less than this.
  Duration suspicion_floor = Duration::zero();

  /// News is sent to this many members this often, each piece retransmit_mult * log10(members)
  /// times.
  Duration gossip_interval = std::chrono::milliseconds(200);
  std::size_t gossip_nodes = 3;
  int retransmit_mult = 4;
  /// How long the dead are told that they are; afterwards they are forgotten.
  Duration gossip_to_the_dead = std::chrono::seconds(30);

  /// Everything is exchanged with one member this often, rarer in pools above 32.
  Duration push_pull_interval = std::chrono::seconds(30);
  /// Bounds each exchange on a stream.
  Duration stream_timeout = std::chrono::seconds(10);

  /// A dead member's name may turn up at another address after this time. Zero: only when it is
  /// forgotten. Options::verify_moves needs no waiting.
  Duration dead_node_reclaim = Duration::zero();
};

inline Profile lan_profile() { return {}; }

/// For pools of kith nodes in one network: who vanishes is found out about sooner. A suspect has 5
/// s at least; who answers late, then, is not declared dead the sooner for it.
inline Profile kith_profile() {
  Profile profile;
  profile.probe_interval = std::chrono::milliseconds(500);
  profile.probe_timeout = std::chrono::milliseconds(200);
  profile.pings = 4;
  profile.suspicion_floor = std::chrono::seconds(5);
  profile.suspicion_max_timeout_mult = 3;
  profile.gossip_interval = std::chrono::milliseconds(100);
  profile.gossip_nodes = 4;
  return profile;
}

/// For members that are far from each other.
inline Profile wan_profile() {
  Profile profile;
  profile.probe_interval = std::chrono::seconds(5);
  profile.probe_timeout = std::chrono::seconds(3);
  profile.suspicion_mult = 6;
  profile.gossip_interval = std::chrono::milliseconds(500);
  profile.gossip_nodes = 4;
  profile.gossip_to_the_dead = std::chrono::seconds(60);
  profile.push_pull_interval = std::chrono::seconds(60);
  profile.stream_timeout = std::chrono::seconds(30);
  return profile;
}

/// For members on one machine: tests and trials.
inline Profile local_profile() {
  Profile profile;
  profile.probe_timeout = std::chrono::milliseconds(200);
  profile.indirect_checks = 1;
  profile.suspicion_mult = 3;
  profile.gossip_interval = std::chrono::milliseconds(100);
  profile.retransmit_mult = 2;
  profile.gossip_to_the_dead = std::chrono::seconds(15);
  profile.push_pull_interval = std::chrono::seconds(15);
  profile.stream_timeout = std::chrono::seconds(1);
  return profile;
}

}  // namespace kith::membership
