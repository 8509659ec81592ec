// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace kith::api {

/// A thread that does what a node needs now and then and nobody should wait for. Thread-safe.
class Housekeeper {
 public:
  /// What is to be done again and again. False: never again.
  using Chore = std::function<bool()>;

  Housekeeper() = default;
  ~Housekeeper() { stop(); }
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  /// Has the chore done every `period`, the first time after it. Returns its number. The first
  /// chore starts the thread. Without threads the chore is left undone: caches do the most urgent
  /// part of it themselves.
  std::uint32_t add(Duration period, Chore chore);
  /// Has the chore done now, once more after the present time if it is being done.
  void hurry(std::uint32_t number);
  /// Returns when no chore is being done any more. Idempotent.
  void stop();

 private:
  struct Recurring {
    Duration period;
    std::chrono::steady_clock::time_point next;
    std::uint32_t number;
    Chore chore;
  };

  void run();
  std::chrono::steady_clock::time_point next_due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::vector<Recurring> chores_ ABSL_GUARDED_BY(mutex_);
  std::uint32_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
  /// Hurried while they were being done.
  std::vector<std::uint32_t> hurried_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::api
