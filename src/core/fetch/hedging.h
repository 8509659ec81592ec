// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kith::fetch {

/// When to ask a second node for a copy of what the first is slow to answer: after the 95th
/// percentile of recent answers from memory, for at most 2 % of the requests. Pure; loop thread
/// only.
class Hedging {
 public:
  /// A request went out: earns the right to a fiftieth of a hedge.
  void request_sent();
  /// An answer from a peer's memory took this long.
  void answered(Duration latency);
  /// How long to wait before hedging. Empty: too few answers were seen to tell.
  std::optional<Duration> delay() const;
  /// Takes the right to one hedge. False: the budget is used up.
  bool spend();

 private:
  /// Upper bounds of the buckets are powers of two of microseconds.
  static constexpr std::size_t kBuckets = 24;
  /// Counts are halved at this many, so that old answers fade.
  static constexpr std::uint32_t kWindow = 2048;
  static constexpr std::uint32_t kEnough = 64;
  static constexpr std::uint32_t kRequestsPerHedge = 50;
  static constexpr std::uint32_t kMostSaved = 10 * kRequestsPerHedge;

  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint32_t total_ = 0;
  std::uint32_t earned_ = 0;
};

}  // namespace kith::fetch
