// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/network.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace kith::sim::pool {
namespace {

using namespace std::chrono_literals;

/// Payload of a TCP segment on Ethernet.
constexpr std::size_t kSegment = 1448;
/// Segments that are sent before the first acknowledgement.
constexpr std::size_t kFirstWindow = 10;
constexpr int kMostAttempts = 6;

/// What the attempts before the last one cost, when each waits twice as long as the one before.
Duration waited(int attempts, Duration first) { return first * ((1 << (attempts - 1)) - 1); }

}  // namespace

Network::Network(std::uint64_t seed) : seed_(mix64(seed)), rng_(seed) {}

Network::FaultId Network::add(Fault fault) {
  faults_.emplace(++last_, std::move(fault));
  return last_;
}

Duration Network::latency(HostIndex from, HostIndex to) const {
  const std::uint64_t pair = mix64(seed_ ^ mix64(from << 32 | to));
  return kLowest + Duration(static_cast<Duration::rep>(
                       pair % static_cast<std::uint64_t>((kHighest - kLowest).count())));
}

double Network::packet_loss(HostIndex from, HostIndex to) const {
  double passes = 1 - loss_;
  for (const auto& [id, fault] : faults_) {
    if (fault.packets && fault.between(from, to)) passes *= 1 - fault.loss;
  }
  return 1 - passes;
}

double Network::stream_loss(HostIndex from, HostIndex to) const {
  double passes = 1 - loss_;
  for (const auto& [id, fault] : faults_) {
    if (fault.streams && fault.between(from, to)) passes *= 1 - fault.loss;
  }
  return 1 - passes;
}

std::optional<Duration> Network::packet(HostIndex from, HostIndex to) {
  const double loss = packet_loss(from, to);
  if (loss > 0 && rng_.chance(loss)) return std::nullopt;
  return latency(from, to);
}

int Network::attempts(double loss) {
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    if (!rng_.chance(loss)) return attempt;
  }
  return 0;
}

std::optional<Duration> Network::connect(HostIndex from, HostIndex to) {
  const double there = stream_loss(from, to);
  const double back = stream_loss(to, from);
  const Duration round_trip = latency(from, to) + latency(to, from);
  if (there <= 0 && back <= 0) return round_trip;
  const int count = attempts(1 - (1 - there) * (1 - back));
  if (count == 0) return std::nullopt;
  return round_trip + waited(count, 1s);
}

std::optional<Duration> Network::transfer(HostIndex from, HostIndex to, std::size_t bytes) {
  const std::size_t segments = bytes / kSegment + 1;
  const Duration round_trip = latency(from, to) + latency(to, from);
  Duration took = latency(from, to);
  for (std::size_t window = kFirstWindow; window < segments; window *= 2) took += round_trip;
  const double loss = stream_loss(from, to);
  if (loss <= 0) return took;
  for (std::size_t segment = 0; segment < segments; ++segment) {
    const int count = attempts(loss);
    if (count == 0) return std::nullopt;
    if (count == 1) continue;
    const bool told = segment + 3 < segments;
    took += told ? round_trip + waited(count - 1, 200ms) : waited(count, 200ms);
  }
  return took;
}

}  // namespace kith::sim::pool
