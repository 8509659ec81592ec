// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/quiet_thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace kith::edge {

std::thread quiet_thread(const std::string& name, absl::AnyInvocable<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  return thread;
}

}  // namespace kith::edge
