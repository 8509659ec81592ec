// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/kith_policy.h"

#include "absl/container/flat_hash_set.h"

namespace kith::bench::hitrate {
namespace {

Budget budget_of(const CacheSpec& spec) {
  if (spec.bound == Bound::objects) return budget_for(spec.capacity, spec.shards);
  const std::uint64_t mean = spec.trace.unique_bytes() / spec.trace.unique_objects();
  return budget_of_values(spec.expected_objects, static_cast<std::uint32_t>(mean), spec.shards);
}

}  // namespace

KithPolicy::KithPolicy(const CacheSpec& spec)
    : spec_(spec),
      budget_(budget_of(spec)),
      store_({.budget_bytes = budget_.bytes, .shards = spec.shards}) {}

bool KithPolicy::access(std::uint64_t key, std::uint32_t size) {
  const KeyView view = key_view(key);
  if (store_.get(view, TimePoint())) return true;
  const std::uint32_t bytes = spec_.bound == Bound::objects ? budget_.value_bytes : size;
  store_.put(view, {.value = value_of(bytes)}, TimePoint());
  return false;
}

std::uint64_t KithPolicy::used() const {
  if (spec_.bound == Bound::objects) return store_.stats().entries;
  absl::flat_hash_set<std::uint64_t> seen;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < spec_.trace.requests(); ++i) {
    const std::uint64_t key = spec_.trace.key(i);
    if (seen.insert(key).second && store_.contains(key_view(key), TimePoint())) {
      bytes += spec_.trace.size(i);
    }
  }
  return bytes;
}

}  // namespace kith::bench::hitrate
