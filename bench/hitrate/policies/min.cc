// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/policies/min.h"

#include "absl/container/flat_hash_map.h"

namespace kith::bench::hitrate {

std::vector<std::uint32_t> next_uses(const Trace& trace) {
  std::vector<std::uint32_t> next(trace.requests());
  absl::flat_hash_map<std::uint64_t, std::uint32_t> seen;
  for (std::size_t i = trace.requests(); i-- > 0;) {
    const auto request = static_cast<std::uint32_t>(i);
    const auto [last, is_new] = seen.try_emplace(trace.key(i), request);
    next[i] = is_new ? kNever : last->second;
    last->second = request;
  }
  return next;
}

}  // namespace kith::bench::hitrate
