// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "edge/driver/driver.h"

namespace kith::edge {

/// Hands lines to the user's sink, one at a time. Thread-safe.
class Log {
 public:
  using Sink = std::function<void(Severity, std::string_view)>;

  explicit Log(Sink sink) : sink_(std::move(sink)) {}

  void write(Severity severity, std::string_view line);
  /// Writes the line unless the same one was written within the last minute: for what is tried
  /// again and again.
  void write_rarely(Severity severity, std::string line, TimePoint now);

 private:
  void write_locked(Severity severity, std::string_view line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  const Sink sink_;
  /// When each line was last written. Bounded: forgotten altogether when there are too many.
  std::map<std::string, TimePoint> written_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kith::edge
