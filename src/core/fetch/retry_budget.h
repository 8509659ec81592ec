// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

namespace kith::fetch {

/// Retries after a peer said "busy" may be at most a tenth of the successes, so that they cannot
/// keep an overload alive. A few are always saved up. Pure; loop thread only.
class RetryBudget {
 public:
  void succeeded() { tenths_ = std::min(tenths_ + 1, kMost); }
  /// Takes the right to one retry. False: there is none.
  bool spend() {
    if (tenths_ < kOneRetry) return false;
    tenths_ -= kOneRetry;
    return true;
  }

 private:
  static constexpr int kOneRetry = 10;
  static constexpr int kMost = 100 * kOneRetry;
  int tenths_ = 10 * kOneRetry;
};

}  // namespace kith::fetch
