// SPDX-License-Identifier: Apache-2.0
#include "api/housekeeper.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace kith::api {

using Clock = std::chrono::steady_clock;

std::uint32_t Housekeeper::add(Duration period, Chore chore) {
  MutexLock lock(&mutex_);
  const std::uint32_t number = next_number_++;
  if (stopping_) return number;
  chores_.push_back({period, Clock::now() + period, number, std::move(chore)});
  changed_.notify_all();
  if (thread_.joinable()) return number;
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
  return number;
}

void Housekeeper::hurry(std::uint32_t number) {
  MutexLock lock(&mutex_);
  const auto found = std::ranges::find(chores_, number, &Recurring::number);
  if (found == chores_.end()) {
    hurried_.push_back(number);
    return;
  }
  found->next = Clock::now();
  changed_.notify_all();
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

Clock::time_point Housekeeper::next_due() const {
  Clock::time_point next = Clock::now() + std::chrono::hours(1);
  for (const Recurring& chore : chores_) next = std::min(next, chore.next);
  return next;
}

void Housekeeper::run() {
  pthread_setname_np(pthread_self(), "kith-care");
  for (;;) {
    std::vector<Recurring> due;
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && next_due() > Clock::now()) changed_.wait_until(&mutex_, next_due());
      if (stopping_) return;
      const auto now = Clock::now();
      const auto first_due =
          std::partition(chores_.begin(), chores_.end(),
                         [now](const Recurring& chore) { return chore.next > now; });
      due.assign(std::move_iterator(first_due), std::move_iterator(chores_.end()));
      chores_.erase(first_due, chores_.end());
    }
    std::erase_if(due, [](const Recurring& chore) { return !chore.chore(); });
    // Counted from its end, so that what takes long leaves time between.
    for (Recurring& chore : due) chore.next = Clock::now() + chore.period;
    MutexLock lock(&mutex_);
    for (Recurring& chore : due) {
      if (std::erase(hurried_, chore.number) > 0) chore.next = Clock::now();
    }
    chores_.insert(chores_.end(), std::move_iterator(due.begin()), std::move_iterator(due.end()));
  }
}

}  // namespace kith::api
