// SPDX-License-Identifier: Apache-2.0
#include "base/testing/scheduler.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/epoch.h"
#include "base/testing/sanitized.h"

namespace kith::schedule {

std::uint64_t Scheduler::seeds(std::uint64_t most) { return kSanitized ? most / 8 : most; }

Scheduler& Scheduler::of_this_program() {
  static Scheduler scheduler;
  static const bool told = [] {
    std::signal(SIGABRT, &tell_of_death);
    // Sanitizers have more to tell.
    if (!kSanitized) std::signal(SIGSEGV, &tell_of_death);
    return true;
  }();
  static_cast<void>(told);
  return scheduler;
}

void Scheduler::tell_of_death(int signal) {
  std::signal(signal, SIG_DFL);
  const Scheduler& scheduler = of_this_program();
  scheduler.tell(scheduler.current_ != kNobody ? "Died" : "Died between runs, after this one");
  std::raise(signal);
}

Scheduler::Scheduler() {
  // One after the other, so that the order of their records is the same in every process.
  { const Pin pin; }
  for (std::size_t i = 0; i < kThreads; ++i) {
    seats_[i].thread = std::thread([this, i] { work(i); });
    wait_for_turn(main_turn_);
  }
}

Scheduler::~Scheduler() {
  stopping_ = true;
  for (Seat& seat : seats_) {
    give_turn(seat.turn);
    seat.thread.join();
  }
}

void Scheduler::run(std::uint64_t seed, std::size_t points, std::span<const Body> bodies) {
  KITH_CHECK(!bodies.empty() && bodies.size() <= kThreads);
  draw(seed, points, bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    seats_[i].body = &bodies[i];
    seats_[i].lock = nullptr;
    seats_[i].live = true;
  }
  current_ = choose();
  give_turn(seats_[current_].turn);
  wait_for_turn(main_turn_);
  current_ = kNobody;
}

/// All that is random about a run, but for the changes of one without priorities.
void Scheduler::draw(std::uint64_t seed, std::size_t points, std::size_t threads) {
  constexpr std::uint64_t kMostChanges = 3;
  constexpr std::uint64_t kFirst = 1000;
  rng_ = Rng(mix64(seed + 1));
  seed_ = seed;
  trace_.clear();
  changes_.clear();
  chance_ = -1;
  std::array<std::uint64_t, kThreads> priorities;
  for (std::size_t i = 0; i < kThreads; ++i) priorities[i] = kFirst + i;
  rng_.shuffle(std::span(priorities).first(threads));
  for (std::size_t i = 0; i < threads; ++i) seats_[i].priority = priorities[i];
  lowest_ = kFirst;
  if (rng_.below(4) == 0) {
    chance_ = 1.0 / static_cast<double>(2u << rng_.below(5));
    return;
  }
  for (std::uint64_t left = 1 + rng_.below(kMostChanges); left > 0; --left) {
    changes_.push_back(1 + rng_.below(std::max<std::size_t>(points, 1)));
  }
  std::ranges::sort(changes_, std::greater<>());
}

void Scheduler::work(std::size_t number) {
  Seat& seat = seats_[number];
  { const Pin pin; }
  give_turn(main_turn_);
  for (;;) {
    wait_for_turn(seat.turn);
    if (stopping_) return;
    // So that the same cells are used in every run.
    epoch::record_of_this_thread().next_hold = 0;
    set_hook(this);
    (*seat.body)();
    set_hook(nullptr);
    seat.live = false;
    if (std::ranges::none_of(seats_, &Seat::live)) {
      give_turn(main_turn_);
      continue;
    }
    const std::size_t next = choose();
    if (next == kNobody) give_up("All wait for locks");
    current_ = next;
    give_turn(seats_[next].turn);
  }
}

void Scheduler::at(const char* where) {
  trace_.push_back({current_, where});
  if (trace_.size() > kMaxPoints) give_up("There is no end");
  if (look_) {
    const Alone unobserved;
    look_();
  }
  if (chance_ >= 0) {
    if (rng_.chance(chance_)) hand_over(choose());
    return;
  }
  if (changes_.empty() || changes_.back() > trace_.size()) {
    // A thread of a higher priority may have been freed.
    return hand_over(choose());
  }
  while (!changes_.empty() && changes_.back() <= trace_.size()) changes_.pop_back();
  seats_[current_].priority = --lowest_;
  hand_over(choose());
}

void Scheduler::blocked(const void* lock) {
  trace_.push_back({current_, "waits for a lock"});
  seats_[current_].lock = lock;
  const std::size_t next = choose();
  if (next == kNobody) give_up("All wait for locks");
  hand_over(next);
}

void Scheduler::freed(const void* lock) {
  for (Seat& seat : seats_) {
    if (seat.lock == lock) seat.lock = nullptr;
  }
  at("unlock");
}

/// Of those that can go on: the one of the highest priority, or any.
std::size_t Scheduler::choose() {
  std::array<std::size_t, kThreads> ready;
  std::size_t count = 0;
  for (std::size_t i = 0; i < kThreads; ++i) {
    if (seats_[i].live && seats_[i].lock == nullptr) ready[count++] = i;
  }
  if (count == 0) return kNobody;
  if (chance_ >= 0) return ready[rng_.below(count)];
  return *std::ranges::max_element(std::span(ready).first(count), {},
                                   [this](std::size_t i) { return seats_[i].priority; });
}

void Scheduler::hand_over(std::size_t next) {
  if (next == current_) return;
  Seat& mine = seats_[current_];
  current_ = next;
  give_turn(seats_[next].turn);
  wait_for_turn(mine.turn);
}

void Scheduler::wait_for_turn(std::atomic<int>& turn) {
  // Acquire, and release below: all that the others did has happened before.
  while (turn.load(std::memory_order_acquire) == 0) turn.wait(0, std::memory_order_acquire);
  turn.store(0, std::memory_order_relaxed);
}

void Scheduler::give_turn(std::atomic<int>& turn) {
  turn.store(1, std::memory_order_release);
  turn.notify_one();
}

std::string Scheduler::trace() const {
  std::string text;
  std::size_t last = kNobody;
  for (const Step& step : trace_) {
    if (step.thread != last) text += (text.empty() ? "T" : "\nT") + std::to_string(step.thread);
    text += std::string(step.thread != last ? ": " : "; ") + step.where;
    last = step.thread;
  }
  return text;
}

void Scheduler::tell(const char* why) const {
  std::fprintf(stderr, "%s\n%s (seed %llu)\n", trace().c_str(), why,
               static_cast<unsigned long long>(seed_));
}

void Scheduler::give_up(const char* why) const {
  std::signal(SIGABRT, SIG_DFL);
  tell(why);
  std::abort();
}

}  // namespace kith::schedule
