// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/rng.h"

namespace kith::sim::pool {

using HostIndex = std::size_t;

/// What lies between the hosts of a pool. Each ordered pair has a latency of its own between 0.2
/// and 1 ms. Faults take packets away, and hold up or cut streams.
class Network {
 public:
  /// Something wrong on the way. All faults count together.
  struct Fault {
    /// Whether it is on the way from one to the other.
    std::function<bool(HostIndex from, HostIndex to)> between;
    /// Which traffic suffers.
    bool packets = true;
    bool streams = true;
    /// Of packets, and of a stream's segments. 1: nothing passes.
    double loss = 1;
  };
  using FaultId = std::uint64_t;

  explicit Network(std::uint64_t seed);

  /// On every link, of every packet and segment.
  void set_loss(double loss) { loss_ = loss; }
  FaultId add(Fault fault);
  void remove(FaultId fault) { faults_.erase(fault); }

  /// How long a packet is on its way; empty: it is lost.
  std::optional<Duration> packet(HostIndex from, HostIndex to);
  /// How long it takes until the first byte can be sent: SYN and SYN-ACK, each sent again after 1,
  /// 2, 4 s. Empty: never.
  std::optional<Duration> connect(HostIndex from, HostIndex to);
  /// How long `bytes` need on an open stream. Segments that are lost are sent again, after a round
  /// trip when others follow that tell of it, else after 200 ms, 400 ms... Empty: never.
  std::optional<Duration> transfer(HostIndex from, HostIndex to, std::size_t bytes);

  static constexpr Duration kLowest = std::chrono::microseconds(200);
  static constexpr Duration kHighest = std::chrono::microseconds(1000);

 private:
  Duration latency(HostIndex from, HostIndex to) const;
  double packet_loss(HostIndex from, HostIndex to) const;
  double stream_loss(HostIndex from, HostIndex to) const;
  /// How often something is sent until it arrives; 0: it never does.
  int attempts(double loss);

  std::uint64_t seed_;
  Rng rng_;
  double loss_ = 0;
  std::map<FaultId, Fault> faults_;
  FaultId last_ = 0;
};

}  // namespace kith::sim::pool
