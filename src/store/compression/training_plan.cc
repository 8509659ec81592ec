// SPDX-License-Identifier: Apache-2.0
#include "store/compression/training_plan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace kith::store {
namespace {

/// Beyond this a window no longer doubles: 64 TiB, and the sum cannot overflow.
constexpr std::uint64_t kMaxWindow = 1ull << 46;

}  // namespace

TrainingPlan::TrainingPlan(std::size_t sample_bytes, std::size_t dictionaries,
                           MemoryCharge::Total& memory)
    : sample_bytes_(sample_bytes),
      memory_(memory),
      phase_(Phase::over),
      dictionaries_left_(dictionaries),
      window_(sample_bytes * kWindow) {
  MutexLock lock(&mutex_);
  if (dictionaries > 0) collect();
}

void TrainingPlan::offer(std::span<const std::byte> value) {
  if (phase_.load(std::memory_order_relaxed) != Phase::collecting) return;
  MutexLock lock(&mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::collecting) return;
  const std::size_t room = sample_bytes_ - samples_->bytes.size();
  const auto sample = value.first(std::min({value.size(), kMaxSampleBytes, room}));
  samples_->bytes.insert(samples_->bytes.end(), sample.begin(), sample.end());
  samples_->sizes.push_back(sample.size());
  // Not the capacity: what was reserved and never written has no memory behind it.
  samples_->charge.set(samples_->bytes.size() + samples_->sizes.size() * sizeof(std::size_t));
  if (sample.size() == room || samples_->sizes.size() == kMaxSamples) set_phase(Phase::due);
}

void TrainingPlan::observe(std::uint64_t before, std::uint64_t after) {
  if (phase_.load(std::memory_order_relaxed) != Phase::watching) return;
  MutexLock lock(&mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::watching) return;
  before_ += before;
  after_ += after;
  if (before_ >= window_) end_window();
}

std::optional<Samples> TrainingPlan::begin() {
  if (!due()) return std::nullopt;
  MutexLock lock(&mutex_);
  if (!due()) return std::nullopt;
  set_phase(Phase::training);
  std::optional<Samples> samples = std::move(samples_);
  samples_.reset();
  return samples;
}

void TrainingPlan::finish(bool useful) {
  MutexLock lock(&mutex_);
  KITH_CHECK(phase_.load(std::memory_order_relaxed) == Phase::training);
  if (useful) --dictionaries_left_;
  last_was_useful_ = useful;
  window_ = std::min(window_ * 2, kMaxWindow);
  before_ = 0;
  after_ = 0;
  mark_.reset();
  set_phase(dictionaries_left_ > 0 ? Phase::watching : Phase::over);
}

void TrainingPlan::set_phase(Phase phase) { phase_.store(phase, std::memory_order_relaxed); }

void TrainingPlan::collect() {
  samples_.emplace(memory_);
  // At once, because growing would copy megabytes within one put.
  samples_->bytes.reserve(sample_bytes_);
  samples_->sizes.reserve(std::min(sample_bytes_, kMaxSamples));
  set_phase(Phase::collecting);
}

void TrainingPlan::end_window() {
  const double ratio = static_cast<double>(after_) / static_cast<double>(before_);
  before_ = 0;
  after_ = 0;
  if (!last_was_useful_ || (mark_.has_value() && ratio > *mark_ * kClearlyWorse)) {
    collect();
  } else if (!mark_.has_value()) {
    mark_ = ratio;
  }
}

}  // namespace kith::store
