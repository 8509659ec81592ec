// SPDX-License-Identifier: Apache-2.0
#include "store/eviction/advisor.h"

#include <algorithm>

#include "store/eviction/shadows.h"

namespace kith::store {

Advisor::Advisor() = default;
Advisor::~Advisor() = default;

void Advisor::set_entries(std::size_t entries, std::uint64_t memory_bytes) {
  MutexLock lock(&mutex_);
  if (entries == 0 || (entries > entries_ / 2 && entries < 2 * entries_)) return;
  entries_ = entries;
  const std::size_t most =
      std::clamp<std::size_t>(memory_bytes / Shadows::kBytesPerEntry, 1, Shadows::kMaxEntries);
  unsigned sample_bits = 0;
  while (entries >> sample_bits > most) ++sample_bits;
  sample_limit_.store(UINT64_MAX >> sample_bits, std::memory_order_relaxed);
  shadows_ =
      std::make_unique<Shadows>(entries >> sample_bits, best_.load(std::memory_order_relaxed));
  bytes_.store(shadows_->bytes(), std::memory_order_relaxed);
}

void Advisor::access(std::uint64_t hash, bool hit) {
  if (!mutex_.try_lock()) return;
  if (shadows_ != nullptr) {
    shadows_->access(hash, hit);
    best_.store(shadows_->best(), std::memory_order_relaxed);
  }
  mutex_.unlock();
}

}  // namespace kith::store
