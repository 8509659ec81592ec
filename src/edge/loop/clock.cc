// SPDX-License-Identifier: Apache-2.0
#include "edge/loop/clock.h"

#include <time.h>

#include <chrono>

namespace kith::edge {

TimePoint clock_now() {
  timespec time{};
#ifdef CLOCK_BOOTTIME
  clock_gettime(CLOCK_BOOTTIME, &time);
#else
  clock_gettime(CLOCK_MONOTONIC, &time);
#endif
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace kith::edge
