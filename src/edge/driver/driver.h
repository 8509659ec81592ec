// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/key.h"
#include "base/tenure.h"
#include "core/fetch/actions.h"
#include "core/fetch/options.h"
#include "core/fetch/statistics.h"
#include "core/membership/liveness.h"
#include "core/placement/view.h"
#include "edge/tls/credentials.h"
#include "store/store.h"

namespace kith::edge {

/// Runs the users' loaders. Called on loop threads; must not block.
class LoadRunner {
 public:
  virtual ~LoadRunner() = default;
  virtual void start(const fetch::StartLoad& load) = 0;
  virtual void cancel(const fetch::CancelLoad& load) = 0;
  /// The turn of the loop is over: what was started in it may go out, together.
  virtual void end_of_turn() = 0;
};

/// A user's request on its way. Intrusive, so that a blocking get allocates nothing: the object is
/// the caller's, who keeps it until done() was called.
class Call {
 public:
  virtual ~Call() = default;
  /// The request ended. Called exactly once, on a loop thread; the object may be gone afterwards.
  virtual void done(Result<fetch::Answer> result) = 0;

  CacheId cache;
  Key key;
  TimePoint deadline;
  /// The user may withdraw it.
  bool withdrawable = false;

 private:
  friend class Inbox;
  Call* next_ = nullptr;
};

enum class Severity : std::uint8_t { debug, info, warning, error };

struct DriverOptions {
  /// "host:port"; empty: accept nobody.
  std::string listen = {};
  /// The node's name; empty: the address listened on.
  std::string advertise = {};
  BootId boot = {};
  /// Null: connections are plaintext.
  std::shared_ptr<const tls::Credentials> tls = {};
  std::uint64_t seed = 0;
  /// Loop threads, each with its own core::Node for an equal range of slots.
  int loops = 1;
  std::function<void(Severity, std::string_view)> log = {};
  /// Called on a loop thread when requests or connections of a loop have taken `memory_step` bytes
  /// more. Must not block.
  std::function<void()> on_memory_taken = {};
  std::size_t memory_step = static_cast<std::size_t>(-1);
};

/// Drives the core in the real world: threads, clock, sockets, timers. All calls are thread-safe.
class Driver {
 public:
  /// Listens and starts the loop threads. Errors: invalid_argument (an address that does not
  /// parse), unavailable (cannot be listened on). `runner` must outlive the driver.
  static Result<std::unique_ptr<Driver>> start(DriverOptions options, LoadRunner& runner);
  virtual ~Driver() = default;

  /// The monotonic clock as the core sees it.
  static TimePoint now();

  /// The node's name, with its real port.
  virtual const std::string& name() const = 0;
  /// Whether the calling thread is one of the loops: it must not block on the node then.
  virtual bool on_loop_thread() const = 0;

  /// Hands a request over. After stop() has begun the call ends with `cancelled`, at once and on
  /// this thread.
  virtual void get(Call& call) = 0;
  /// As get for several at once: those of one loop reach it in one turn.
  virtual void get_many(std::span<Call* const> calls) = 0;
  /// The caller of a withdrawable call no longer waits: done() is called soon, if it was not yet.
  /// Shared, because the call may end before the loop hears of it.
  virtual void withdraw(std::shared_ptr<Call> call) = 0;
  virtual void refresh(CacheId cache, Key key) = 0;
  /// A loader answered; from any thread, also long after the load was given up.
  virtual void loaded(fetch::LoadId load, fetch::LoadOutcome outcome) = 0;

  /// Makes a cache known to every loop before it returns. Not from a loop thread. Returns the
  /// counters of each loop's miss path.
  virtual std::vector<const fetch::Statistics*> open_cache(std::string name,
                                                           const fetch::Options& options,
                                                           store::Store& store) = 0;

  /// Replaces the members. The view is built on the calling thread, which may be any but a loop,
  /// and is in force on every loop before the call returns. Requires placement::View::validate.
  virtual void set_members(std::vector<placement::Member> members) = 0;
  /// Which slots are this node's, for StoreOptions. Changes with the view.
  virtual const Tenure& tenure() const = 0;
  /// The view in force.
  virtual std::shared_ptr<const placement::View> view() const = 0;
  /// How this node sees another: the worst of its loops' opinions.
  virtual membership::Reachability reachability(NodeId node) const = 0;

  /// What requests under way and connections take of memory, in bytes.
  struct Memory {
    std::size_t request_bytes = 0;
    std::size_t buffer_bytes = 0;
  };
  virtual Memory memory() const = 0;

  /// Refuses new requests, waits up to `grace` for those under way, cancels the rest, closes
  /// everything and joins the threads. Idempotent. Not from a loop thread.
  virtual void stop(Duration grace) = 0;
};

}  // namespace kith::edge
