// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/deadline_queue.h"
#include "base/key.h"
#include "base/slab.h"
#include "core/fetch/actions.h"
#include "core/fetch/flights.h"
#include "core/fetch/hedging.h"
#include "core/fetch/idle_memory.h"
#include "core/fetch/options.h"
#include "core/fetch/ownership.h"
#include "core/fetch/retry_budget.h"
#include "core/fetch/statistics.h"
#include "core/fetch/surroundings.h"
#include "core/fetch/waiters.h"
#include "wire/peer/message.h"

namespace kith::fetch {

/// The requests of one cache to other nodes, for keys that this node does not own.
///
/// At most one request per key is under way. Callers that come after it was sent wait for the next
/// one (its answer could be older than something that they know), except in immutable caches. Where
/// a request goes is decided anew each time by route(): the owner; after "not the owner" the node
/// that it named, twice at most; else the first reachable node ranked behind the owner, which is
/// the same for everybody; and when none is left, this node itself.
/// See "Filling once" in docs/notes.md. Pure; loop thread only.
class Asks {
 public:
  Asks(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
       const Ownership& ownership, Surroundings& surroundings, Waiters& waiters, Flights& flights,
       Statistics& statistics);

  /// Lets a user wait for the key, which another node owns.
  void join(KeyView key, Waiter waiter, TimePoint now, Actions& out);

  // Replies. Those that match no request under way to their sender are ignored.
  void on_reply(NodeId from, const wire::peer::ValueReply& reply, TimePoint now, Actions& out);
  void on_reply(NodeId from, const wire::peer::Miss& reply, TimePoint now, Actions& out);
  void on_reply(NodeId from, const wire::peer::NotOwner& reply, TimePoint now, Actions& out);
  void on_reply(NodeId from, const wire::peer::Busy& reply, TimePoint now, Actions& out);
  void on_reply(NodeId from, const wire::peer::Failure& reply, TimePoint now, Actions& out);

  /// `node` will not answer: what it was asked goes to stand-ins.
  void on_unreachable(NodeId node, TimePoint now, Actions& out);
  /// A waiter of ask `subject` was taken out of Waiters.
  void on_waiter_gone(std::uint64_t subject, Waiter::Place place, TimePoint now, Actions& out);
  void stop(const Error& error, Actions& out);

  void on_deadline(TimePoint now, Actions& out);
  std::optional<TimePoint> next_deadline() const { return timers_.next(); }

  bool idle() const { return asks_.empty(); }
  /// About, of memory, without the waiters.
  std::size_t memory_bytes() const {
    return asks_.memory_bytes() + memory_of(by_key_) + memory_of(by_request_) +
           timers_.memory_bytes() + asks_.size() * kBytesEach + key_bytes_;
  }
  /// Whom the ask waits for, for error messages. Empty: nobody just now.
  std::optional<NodeId> target_of(std::uint64_t subject) const;

 private:
  using Handle = std::uint64_t;
  using RequestId = wire::peer::RequestId;

  struct Ask {
    Key key;
    /// Those whom the present request's answer serves, and those who wait for the next one.
    std::vector<Waiters::Handle> now_served;
    std::vector<Waiters::Handle> next_served;
    std::size_t living = 0;
    std::size_t living_next = 0;
    /// The latest deadline of any waiter: how long asking makes sense.
    TimePoint latest = {};

    /// The request under way. 0: none, waiting to retry a busy node.
    RequestId request = 0;
    NodeId target = {};
    TimePoint sent = {};
    bool guest = false;
    /// A second request, for a copy in another node's memory. 0: none.
    RequestId hedge = 0;
    NodeId hedge_target = {};

    int redirects = 0;
    /// The owner is out of the question: it refused, or no redirect led to it.
    bool owner_refused = false;
    /// Nodes that refused; not asked again for this.
    absl::InlinedVector<NodeId, 4> refused;
  };

  struct Timer {
    enum class Kind : std::uint8_t { give_up, hedge, retry };
    Kind kind;
    Handle ask;
    /// The request it was set for; 0 for a retry.
    RequestId request;
  };

  /// Elsewhere: its key's and its waiters' memory beside their bytes.
  static constexpr std::size_t kBytesEach = 2 * 48;

  /// The ask whose present request, or hedge, is `request` to `from`.
  struct Match {
    Handle handle = 0;
    Ask* ask = nullptr;
    bool hedged = false;
  };
  std::optional<Match> match(NodeId from, RequestId request);

  // Where a request goes.
  void route(Handle handle, TimePoint now, Actions& out);
  bool may_ask(const Ask& ask, NodeId node) const;
  void send(Handle handle, NodeId target, bool guest, TimePoint now, Actions& out);
  void load_here(Handle handle, Flights::Role role, TimePoint now, Actions& out);
  bool follow(Handle handle, NodeId hint, TimePoint now, Actions& out);
  void refuse(Handle handle, NodeId node, TimePoint now, Actions& out);

  // How a request ends.
  void end_request(Ask& ask);
  void end_hedge(Ask& ask, bool cancel, Actions& out);
  void complete(Handle handle, const Result<Answer>& result, TimePoint now, Actions& out);
  void next_generation(Handle handle, TimePoint now, Actions& out);
  Ask take(Handle handle);

  void plan_hedge(Handle handle, const Ask& ask, TimePoint now);
  void hedge(Handle handle, TimePoint now, Actions& out);
  void mirror(const Ask& ask, const wire::peer::ValueReply& reply, TimePoint now);
  bool timer_live(const Timer& timer) const;

  CacheId cache_;
  RequestId next_request_;
  const Options& options_;
  Storage& storage_;
  const Ownership& ownership_;
  Surroundings& surroundings_;
  Waiters& waiters_;
  Flights& flights_;
  Statistics& statistics_;

  Slab<Ask> asks_;
  absl::flat_hash_map<Key, Handle, KeyHash, KeyEqual> by_key_;
  absl::flat_hash_map<RequestId, Handle> by_request_;
  std::size_t key_bytes_ = 0;
  DeadlineQueue<Timer> timers_;
  Hedging hedging_;
  RetryBudget retries_;
};

}  // namespace kith::fetch
