// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace kith {

/// A cell for an immutable T that is replaced as a whole: readers get the whole old or the whole
/// new one, and keep what they got for as long as they hold it. Thread-safe. The lock is held for
/// the copy of a pointer only. (std::atomic<std::shared_ptr> would do, but g++ 12's races.)
template <class T>
class Snapshot {
 public:
  using Pointer = std::shared_ptr<const T>;

  Snapshot() = default;
  explicit Snapshot(Pointer current) : current_(std::move(current)) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  /// What was stored last. Null when nothing ever was.
  Pointer load() const {
    MutexLock lock(&mutex_);
    return current_;
  }

  void store(Pointer next) {
    {
      MutexLock lock(&mutex_);
      current_.swap(next);
    }
    // The old one, if nobody reads it, is destroyed here: outside the lock.
  }

 private:
  mutable Mutex mutex_;
  Pointer current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith
