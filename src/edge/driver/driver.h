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

/// A node as this one reaches it. Names are the nodes' own and stay; addresses may change.
struct PeerAddress {
  std::string name;
  /// "host:port"
  std::string address;

  friend bool operator==(const PeerAddress&, const PeerAddress&) = default;
};

struct DriverOptions {
  /// "host:port"; empty: accept nobody.
  std::string listen = {};
  /// Where others reach it; empty: the address listened on.
  std::string advertise = {};
  /// The node's name; empty: the address that it advertises.
  std::string name = {};
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
  /// Called on a loop thread, perhaps on each, when the process that was a peer's `boot` does not
  /// exist any more: its connections were closed, and nobody or another process listens there.
  /// Never for one that is only silent. Must not block.
  std::function<void(const std::string& name, BootId boot)> on_peer_gone = {};
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

  virtual const std::string& name() const = 0;
  /// Where others reach it, with its real port.
  virtual const std::string& address() const = 0;
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

  using Statistics = std::vector<std::shared_ptr<const fetch::Statistics>>;
  /// Makes a cache known to every loop before it returns. Its keys are `members`' to own, or this
  /// node's when there are none; `tenure` is changed with them, from now until the cache is closed.
  /// Not from a loop thread. Returns the counters of each loop's miss path. Requires
  /// placement::View::validate.
  virtual Statistics open_cache(std::string name, const fetch::Options& options,
                                store::Store& store, Tenure& tenure,
                                std::vector<placement::Member> members) = 0;
  /// Cancels what is under way in the cache; no loop knows it any more when the call returns. Not
  /// from a loop thread.
  virtual void close_cache(CacheId cache) = 0;
  /// Replaces the owners of a cache's keys, as open_cache() takes them. Nothing happens unless it
  /// is open. The view is built on the calling thread, which may be any but a loop, and is in force
  /// on every loop before the call returns.
  virtual void set_members(CacheId cache, std::vector<placement::Member> members) = 0;
  /// The view in force. Null: the cache is not open.
  virtual std::shared_ptr<const placement::View> view(CacheId cache) const = 0;
  /// Replaces the nodes to which this one has links; others count as unreachable. Nobody is
  /// accepted before the first call. Not from a loop thread.
  virtual void set_peers(std::vector<PeerAddress> peers) = 0;
  /// The membership says that others have found `node` not to answer.
  virtual void on_rumour(NodeId node) = 0;
  /// How this node sees another: the worst of its loops' opinions.
  virtual membership::Reachability reachability(NodeId node) const = 0;

  /// What requests under way, connections and the tables of who owns which slot take of memory, in
  /// bytes.
  struct Memory {
    std::size_t request_bytes = 0;
    std::size_t buffer_bytes = 0;
    std::size_t table_bytes = 0;
  };
  virtual Memory memory() const = 0;

  /// Refuses new requests, waits up to `grace` for those under way, cancels the rest, closes
  /// everything and joins the threads. Idempotent. Not from a loop thread.
  virtual void stop(Duration grace) = 0;
};

}  // namespace kith::edge
