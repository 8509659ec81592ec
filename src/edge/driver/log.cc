// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/log.h"

#include <chrono>
#include <utility>

namespace kith::edge {

namespace {

constexpr Duration kRepeatAfter = std::chrono::minutes(1);
constexpr std::size_t kMaxRemembered = 1024;

}  // namespace

void Log::write(Severity severity, std::string_view line) {
  if (!sink_) return;
  MutexLock lock(&mutex_);
  write_locked(severity, line);
}

void Log::write_locked(Severity severity, std::string_view line) {
  try {
    sink_(severity, line);
  } catch (...) {
    // The sink is the user's, and has nobody here to throw to. The line is lost.
  }
}

void Log::write_rarely(Severity severity, std::string line, TimePoint now) {
  if (!sink_) return;
  MutexLock lock(&mutex_);
  const auto last = written_.find(line);
  if (last != written_.end() && now - last->second < kRepeatAfter) return;
  write_locked(severity, line);
  if (written_.size() >= kMaxRemembered) written_.clear();
  written_.insert_or_assign(std::move(line), now);
}

}  // namespace kith::edge
