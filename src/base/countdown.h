// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace kith {

/// Lets a thread wait until something has happened a number of times on others. Thread-safe. Must
/// outlive the last count_down; what may still count after the waiter went must share it.
class Countdown {
 public:
  explicit Countdown(std::size_t count) : left_(count) {}

  /// At most `count` times.
  void count_down() {
    MutexLock lock(&mutex_);
    // Under the lock: the waiter may destroy this as soon as it sees zero.
    if (--left_ == 0) zero_.notify_all();
  }
  void wait() {
    MutexLock lock(&mutex_);
    while (left_ > 0) zero_.wait(&mutex_);
  }
  /// False: `until` came first.
  bool wait_until(std::chrono::steady_clock::time_point until) {
    MutexLock lock(&mutex_);
    while (left_ > 0) {
      if (!zero_.wait_until(&mutex_, until)) return left_ == 0;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar zero_;
  std::size_t left_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith
