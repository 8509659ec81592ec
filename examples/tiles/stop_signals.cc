// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.h"

#include <csignal>
#include <ctime>

namespace tiles {
namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool StopSignals::wait_for(std::chrono::milliseconds timeout) {
  if (raised_) return true;
  const sigset_t set = stop_set();
  const timespec span{.tv_sec = timeout.count() / 1000,
                      .tv_nsec = (timeout.count() % 1000) * 1'000'000};
  raised_ = sigtimedwait(&set, nullptr, &span) > 0;
  return raised_;
}

}  // namespace tiles
