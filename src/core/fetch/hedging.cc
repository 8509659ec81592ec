// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/hedging.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace kith::fetch {

void Hedging::request_sent() { earned_ = std::min(earned_ + 1, kMostSaved); }

void Hedging::answered(Duration latency) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
  const auto bucket = std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
  ++counts_[std::min<std::size_t>(static_cast<std::size_t>(bucket), kBuckets - 1)];
  if (++total_ < kWindow) return;
  total_ = 0;
  for (auto& count : counts_) {
    count /= 2;
    total_ += count;
  }
}

std::optional<Duration> Hedging::delay() const {
  if (total_ < kEnough) return std::nullopt;
  const std::uint32_t rank = total_ - total_ / 20;
  std::uint32_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return std::chrono::microseconds(std::int64_t{1} << bucket);
  }
  return std::nullopt;
}

bool Hedging::spend() {
  if (earned_ < kRequestsPerHedge) return false;
  earned_ -= kRequestsPerHedge;
  return true;
}

}  // namespace kith::fetch
