// SPDX-License-Identifier: Apache-2.0
#include "edge/loop/loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "edge/loop/clock.h"

namespace kith::edge {

namespace asio = boost::asio;

namespace {

/// Handlers run in one turn before it is ended, so that what they produced goes out although more
/// keeps coming in.
constexpr int kHandlersPerTurn = 1024;
/// To look for more handlers is a system call, mostly in vain when the last look found none: then
/// only every so many turns look again.
constexpr int kTurnsPerLook = 16;
constexpr Duration kLongestWait = std::chrono::seconds(1);
/// The weight of the latest wait in their moving average is one of so many.
constexpr int kWaitsAveraged = 8;

thread_local const Loop* current_loop = nullptr;

}  // namespace

struct Loop::Impl {
  /// Waits for a handler and runs it.
  void run_first() {
    const Duration longest = std::exchange(look_out, Duration::zero());
    if (longest == Duration::zero() || !may_spin) {
      context.run_one();
      return;
    }
    const TimePoint began = clock_now();
    bool ran = false;
    if (usual_wait < longest) {
      do {
        ran = context.poll_one() > 0;
        // To whoever the answers of the last turn woke on this processor.
        if (!ran) std::this_thread::yield();
      } while (!ran && clock_now() - began < longest);
    }
    if (!ran) context.run_one();
    // Capped, so that a few short waits outweigh a long one.
    const Duration wait = std::min(clock_now() - began, kWaitsAveraged * longest);
    usual_wait += (wait - usual_wait) / kWaitsAveraged;
  }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer timer{context};
  /// When the timer will fire, if it is armed.
  std::optional<TimePoint> armed;
  std::optional<TimePoint> now;
  /// A turn is due that was not yet begun to end. Set by wake(), cleared by the loop; both are
  /// read-modify-writes with acquire and release, so that what was done before a wake() that found
  /// it set is seen by the turn that clears it.
  std::atomic<bool> awake{false};
  std::atomic<bool> stopped{false};
  /// Not where whoever is waited for needs this very processor.
  const bool may_spin = std::thread::hardware_concurrency() > 1;
  /// For the next wait; see Loop::look_out_for.
  Duration look_out = Duration::zero();
  /// Moving average of the waits that began with a look-out.
  Duration usual_wait = Duration::zero();
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}

Loop::~Loop() = default;

void Loop::run(Owner& owner) {
  current_loop = this;
  int turns_until_look = 0;
  while (!impl_->stopped.load(std::memory_order_acquire)) {
    impl_->now.reset();
    impl_->run_first();
    if (--turns_until_look <= 0) {
      int handlers = 1;
      while (handlers < kHandlersPerTurn && impl_->context.poll_one() > 0) ++handlers;
      turns_until_look = handlers > 1 ? 0 : kTurnsPerLook;
    }
    impl_->awake.exchange(false, std::memory_order_acq_rel);
    owner.end_of_turn();
  }
  current_loop = nullptr;
}

void Loop::stop() {
  impl_->stopped.store(true, std::memory_order_release);
  wake();
}

void Loop::post(absl::AnyInvocable<void()> fn) { asio::post(impl_->context, std::move(fn)); }

void Loop::wake() {
  if (impl_->awake.exchange(true, std::memory_order_acq_rel)) return;
  asio::post(impl_->context, [] {});
}

bool Loop::on_this_thread() const { return current_loop == this; }

TimePoint Loop::now() {
  if (!impl_->now) impl_->now = clock_now();
  return *impl_->now;
}

void Loop::wake_at(std::optional<TimePoint> at) {
  if (!at) return;
  if (impl_->armed && *impl_->armed <= *at) return;
  const Duration wait = std::clamp(*at - now(), Duration::zero(), kLongestWait);
  impl_->armed = now() + wait;
  impl_->timer.expires_after(wait);
  impl_->timer.async_wait([impl = impl_.get()](const boost::system::error_code& error) {
    if (!error) impl->armed.reset();
  });
}

void Loop::look_out_for(Duration longest) { impl_->look_out = longest; }

asio::io_context& Loop::context() { return impl_->context; }

}  // namespace kith::edge
