// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace kith::edge::discovery {

StopSignal::StopSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StopSignal::~StopSignal() {
  if (valid()) close(descriptor_);
}

void StopSignal::raise() {
  if (raised_.exchange(true)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its end.
  [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof one);
}

void StopSignal::sleep_until(Clock::time_point until) const {
  while (!raised() && Clock::now() < until) {
    pollfd entry{descriptor_, POLLIN, 0};
    poll(&entry, 1, poll_timeout(until));
  }
}

int poll_timeout(Clock::time_point until) {
  using std::chrono::milliseconds;
  const auto wait = std::chrono::ceil<milliseconds>(until - Clock::now());
  return static_cast<int>(
      std::clamp<milliseconds>(wait, milliseconds(0), std::chrono::hours(1)).count());
}

}  // namespace kith::edge::discovery
