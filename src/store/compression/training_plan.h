// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/memory_charge.h"
#include "base/mutex.h"

namespace kith::store {

/// Values, or their beginnings, to train a dictionary from.
struct Samples {
  explicit Samples(MemoryCharge::Total& memory) : charge(memory) {}

  /// One after the other.
  std::vector<std::byte> bytes;
  /// Of each of them; never zero.
  std::vector<std::size_t> sizes;
  MemoryCharge charge;
};

/// Decides when a dictionary is to be trained, and from which values.
///
/// It goes round: collect samples until there are enough; wait for somebody to train; watch how
/// well values compress. What the first `window` of bytes after a training shrinks to is the mark.
/// When a later window shrinks clearly less, it collects again; and also after the first window,
/// when the training gave no dictionary, for the values may have changed since. Each training
/// doubles the window, so that values which change for ever cost ever less, and the number of
/// dictionaries is bounded.
///
/// Thread-safe. The lock is held for a copy of at most kMaxSampleBytes.
class TrainingPlan {
 public:
  /// Of a value's beginning, what goes into the samples: a dictionary helps no further.
  static constexpr std::size_t kMaxSampleBytes = 16u << 10;
  static constexpr std::size_t kMaxSamples = 1u << 16;
  /// How much larger, relative to the mark, is clearly worse.
  static constexpr double kClearlyWorse = 1.2;
  /// The first window, as a multiple of the samples' bytes.
  static constexpr std::uint64_t kWindow = 4;

  /// Collects `sample_bytes`, again and again until there were `dictionaries` of them; zero
  /// dictionaries: never. `memory` must outlive the plan and the samples that it gave.
  TrainingPlan(std::size_t sample_bytes, std::size_t dictionaries, MemoryCharge::Total& memory);

  /// A value that comes in: may become a sample. Requires that it is not empty.
  void offer(std::span<const std::byte> value);
  /// Values of `before` bytes in sum have become `after` bytes, with the latest dictionary.
  void observe(std::uint64_t before, std::uint64_t after);

  /// Whether begin() would give samples.
  bool due() const { return phase_.load(std::memory_order_relaxed) == Phase::due; }
  /// The samples, for exactly one caller, who then calls finish(). Nothing: it is not time.
  std::optional<Samples> begin();
  /// The training is over; `useful` tells whether there is a new dictionary.
  void finish(bool useful);

 private:
  enum class Phase : std::uint8_t { collecting, due, training, watching, over };

  void set_phase(Phase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void collect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void end_window() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t sample_bytes_;
  MemoryCharge::Total& memory_;

  Mutex mutex_;
  /// Changed with the lock held. Read without it to see that there is nothing to do: relaxed,
  /// because whoever then does something looks again with the lock.
  std::atomic<Phase> phase_;
  std::optional<Samples> samples_ ABSL_GUARDED_BY(mutex_);
  std::size_t dictionaries_left_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t window_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t before_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t after_ ABSL_GUARDED_BY(mutex_) = 0;
  bool last_was_useful_ ABSL_GUARDED_BY(mutex_) = false;
  /// after / before in the first window since the last training.
  std::optional<double> mark_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::store
