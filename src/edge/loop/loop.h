// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge {

/// A thread's event loop, in turns: it waits until something happens, runs the handlers of what has
/// happened, a bounded number of them, and ends the turn, when the owner does what can be done for
/// all of it together. All code within a turn sees one now(). Loop thread only, but where said.
class Loop {
 public:
  /// What ends each turn.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void end_of_turn() = 0;
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Makes the calling thread the loop, until stop().
  void run(Owner& owner);
  /// Ends run() after the present turn. Thread-safe.
  void stop();

  /// Runs `fn` in a turn to come. Thread-safe. What is still waiting when the loop is destroyed is
  /// destroyed with it, unrun.
  void post(absl::AnyInvocable<void()> fn);
  /// Makes sure that a turn ends after this call. Cheap when one is due anyway. Thread-safe.
  void wake();
  /// Whether the caller runs on this loop. Thread-safe.
  bool on_this_thread() const;

  /// The time of this turn: read when first asked for after the wait.
  TimePoint now();
  /// Makes sure that a turn ends soon after `at`, or at the latest a second from now: the system's
  /// timers stand still while the machine is suspended, this clock does not. The owner checks what
  /// is due at the end of each turn.
  void wake_at(std::optional<TimePoint> at);

  /// Something is expected soon. To be put to sleep and woken costs some microseconds: the next
  /// wait looks for input for up to `longest` before it sleeps, unless the waits that this was said
  /// of were mostly longer.
  void look_out_for(Duration longest);

  /// For the sockets and timers that live on this loop.
  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::edge
