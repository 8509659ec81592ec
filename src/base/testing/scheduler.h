// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "base/schedule_point.h"

namespace kith::schedule {

/// Runs real threads one at a time, and decides at every schedule::point() which of them goes on,
/// by a seed: the same seed, the same interleaving. Where there are no points (kEnabled is false)
/// they run one after the other.
///
/// Most seeds run the thread of the highest priority, and lower that of the running one at a few
/// points of all, drawn at random: a race that takes d steps in a certain order is then met by one
/// seed in n k^(d-1) or fewer, of n threads and k points (PCT: Burckhardt et al., ASPLOS 2010). One
/// seed in four changes threads at random instead.
///
/// What is found are wrong orders of steps; a step that another processor sees late is not, because
/// handing over from thread to thread is a fence. All of a run's randomness must come from the
/// seed. Threads under control must not wait for anything but a Mutex.
class Scheduler final : private Hook {
 public:
  /// The threads that there are; a run uses as many as it has bodies. They stay from run to run, so
  /// that each has the same ThreadRecord in all of them.
  static constexpr std::size_t kThreads = 4;
  using Body = std::function<void()>;

  /// For all tests of a program: with other threads than these about, the points are others too.
  /// If the program dies, it tells the last trace.
  static Scheduler& of_this_program();
  /// How many seeds a test is to try: less than `most` where all is slow, under a sanitizer.
  static std::uint64_t seeds(std::uint64_t most);

  Scheduler();
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Runs the bodies to their ends. `points`: about how many there will be, to spread the changes
  /// over. When all wait for locks, or there is no end, prints the trace and aborts.
  void run(std::uint64_t seed, std::size_t points, std::span<const Body> bodies);
  void run(std::uint64_t seed, std::size_t points, std::initializer_list<Body> bodies) {
    run(seed, points, std::span(bodies.begin(), bodies.size()));
  }
  /// Called at every point, by the thread that is there; sees what all have done. Null: nothing is.
  void set_look(Body look) { look_ = std::move(look); }

  // Of the last run, or the present one.

  std::size_t points() const { return trace_.size(); }
  /// Which threads went through which points, in their order.
  std::string trace() const;
  /// The number of the thread that runs.
  std::size_t current() const { return current_; }

 private:
  static constexpr std::size_t kNobody = SIZE_MAX;
  static constexpr std::size_t kMaxPoints = 1u << 20;
  struct Seat {
    std::thread thread;
    const Body* body = nullptr;
    /// 1: the thread may run.
    std::atomic<int> turn{0};
    std::uint64_t priority = 0;
    /// What it waits for.
    const void* lock = nullptr;
    bool live = false;
  };
  struct Step {
    std::size_t thread;
    const char* where;
  };

  void at(const char* where) override;
  void blocked(const void* lock) override;
  void freed(const void* lock) override;

  void work(std::size_t number);
  void draw(std::uint64_t seed, std::size_t points, std::size_t threads);
  std::size_t choose();
  void hand_over(std::size_t next);
  static void wait_for_turn(std::atomic<int>& turn);
  static void give_turn(std::atomic<int>& turn);
  void tell(const char* why) const;
  [[noreturn]] void give_up(const char* why) const;
  static void tell_of_death(int signal);

  std::array<Seat, kThreads> seats_;
  std::atomic<int> main_turn_{0};
  bool stopping_ = false;

  // Used by whose turn it is.
  Body look_;
  Rng rng_{0};
  std::uint64_t seed_ = 0;
  std::size_t current_ = kNobody;
  std::vector<Step> trace_;
  /// Points at which the priority of the running thread falls below all others, the next one last.
  std::vector<std::size_t> changes_;
  std::uint64_t lowest_ = 0;
  /// Chance that a point changes threads, of runs that have no priorities; else negative.
  double chance_ = -1;
};

}  // namespace kith::schedule
