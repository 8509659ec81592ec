// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace kith {

/// Waits until something holds that no event tells of. False: `patience` came first.
inline bool holds_within(std::chrono::steady_clock::duration patience,
                         const std::function<bool()>& holds) {
  constexpr auto kPause = std::chrono::milliseconds(1);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace kith
