// SPDX-License-Identifier: Apache-2.0
#include "api/housekeeper.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

namespace kith::api {
namespace {

constexpr auto kPause = std::chrono::seconds(1);

}  // namespace

void Housekeeper::add(Chore chore) {
  MutexLock lock(&mutex_);
  if (stopping_) return;
  chores_.push_back(std::move(chore));
  if (thread_.joinable()) return;
  // Signals are the program's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // No thread is to be had now; perhaps when the next cache is opened.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Housekeeper::stop() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.notify_all();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Housekeeper::run() {
  pthread_setname_np(pthread_self(), "kith-care");
  for (;;) {
    std::vector<Chore> chores;
    {
      const auto until = std::chrono::steady_clock::now() + kPause;
      MutexLock lock(&mutex_);
      while (!stopping_ && changed_.wait_until(&mutex_, until)) {
      }
      if (stopping_) return;
      chores.swap(chores_);
    }
    std::erase_if(chores, [](const Chore& chore) { return !chore(); });
    MutexLock lock(&mutex_);
    chores_.insert(chores_.end(), std::move_iterator(chores.begin()),
                   std::move_iterator(chores.end()));
  }
}

}  // namespace kith::api
