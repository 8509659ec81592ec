// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace tiles {

/// Takes SIGINT and SIGTERM out of the way of the process for as long as it lives, and lets it ask
/// for them when it suits. Made before the process starts threads; children unblock the signals.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Whether one has come since the object was made.
  bool raised() { return wait_for(std::chrono::milliseconds(0)); }
  /// Waits up to `timeout` for one. True at once when one has come before.
  bool wait_for(std::chrono::milliseconds timeout);

 private:
  bool raised_ = false;
};

}  // namespace tiles
