// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace kith::api {

/// A thread that does what caches need now and then and nobody should wait for: once a second it
/// calls each of its chores. Thread-safe.
class Housekeeper {
 public:
  /// What is to be done again and again. False: never again.
  using Chore = std::function<bool()>;

  Housekeeper() = default;
  ~Housekeeper() { stop(); }
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  /// The first one starts the thread. Without threads the chore is left undone: caches do the most
  /// urgent part of it themselves.
  void add(Chore chore);
  /// Returns when no chore is being done any more. Idempotent.
  void stop();

 private:
  void run();

  Mutex mutex_;
  CondVar changed_;
  std::vector<Chore> chores_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::api
