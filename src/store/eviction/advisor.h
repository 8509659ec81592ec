// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "store/eviction/settings.h"

namespace kith::store {

class Shadows;

/// Finds out which of the settings suit the work of a cache: small caches of each kind, which hold
/// no values, live through a sample of its keys (miniature simulation, Waldspurger et al., USENIX
/// ATC 2017). Thread-safe. Deterministic when one thread uses it.
class Advisor {
 public:
  Advisor();
  ~Advisor();
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  /// How many entries the cache can hold, about, and how much memory this may take for them. Does
  /// nothing while the number has not changed twofold.
  void set_entries(std::size_t entries, std::uint64_t memory_bytes);

  /// Whether access() wants to hear of the key with this hash. One key in many, of large caches.
  bool sampled(std::uint64_t hash) const {
    return (hash * kSpread) <= sample_limit_.load(std::memory_order_relaxed);
  }
  /// The key was asked for; `hit`: the cache had it. Not heard when another thread is speaking.
  void access(std::uint64_t hash, bool hit);

  const Settings& best() const { return kExperts[best_.load(std::memory_order_relaxed)]; }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  /// 2^64 over the golden ratio.
  static constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;

  /// Of hash * kSpread. Everything, until it is known better.
  std::atomic<std::uint64_t> sample_limit_{UINT64_MAX};
  std::atomic<std::size_t> best_{0};
  std::atomic<std::size_t> bytes_{0};
  Mutex mutex_;
  std::size_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<Shadows> shadows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::store
