// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "bench/hitrate/trace.h"

namespace kith::bench::hitrate {

/// What a cache is bounded in. Counted in objects, every object has the size 1.
enum class Bound { objects, bytes };

/// The cache that a policy is to manage, and the trace that it will see from the first request to
/// the last. The trace outlives the policy.
struct CacheSpec {
  Bound bound = Bound::objects;
  /// In the unit of `bound`; at least 1.
  std::uint64_t capacity = 0;
  /// How many objects of mean size fit, at least 1; for tables whose size must be chosen
  /// beforehand.
  std::uint64_t expected_objects = 0;
  const Trace& trace;
  /// Of the real store; zero: it chooses.
  std::size_t shards = 0;
};

/// A cache that takes in what it is asked for and did not have. The simulators of the literature's
/// policies implement it, and so does the real store; a new one is added in policies.cc.
/// Deterministic. Not thread-safe.
class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::string_view name() const = 0;
  /// One request. True: the object was there. `size` is in the unit of the capacity, at least 1,
  /// and the same in all requests for a key. Objects that cannot be held are misses and change
  /// nothing.
  virtual bool access(std::uint64_t key, std::uint32_t size) = 0;
  /// What the objects held take of the capacity.
  virtual std::uint64_t used() const = 0;
};

}  // namespace kith::bench::hitrate
