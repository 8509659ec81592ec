// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/key.h"
#include "core/fetch/actions.h"
#include "core/fetch/asks.h"
#include "core/fetch/flights.h"
#include "core/fetch/options.h"
#include "core/fetch/ownership.h"
#include "core/fetch/statistics.h"
#include "core/fetch/surroundings.h"
#include "core/fetch/waiters.h"
#include "wire/peer/message.h"

namespace kith::fetch {

/// The miss path of one cache at one node: Asks towards other nodes, Flights towards the origin,
/// and who waits for which. Each request of a user gets exactly one Complete, at its deadline at
/// the latest. See "Filling once" in docs/notes.md. Pure; loop thread only.
class Fetch {
 public:
  /// Request and load ids count up from `id_base`, whose low 40 bits are zero and whose others tell
  /// the caches and loops of a process apart. The references must outlive the object.
  Fetch(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
        const Ownership& ownership, Surroundings& surroundings);

  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // Users of this node.
  void get(KeyView key, const Waiter& user, TimePoint now, Actions& out);
  void withdraw(Ticket ticket, TimePoint now, Actions& out);
  void refresh(KeyView key, TimePoint now, Actions& out);
  void on_loaded(LoadId load, LoadOutcome outcome, TimePoint now, Actions& out);

  // Other nodes as callers.
  /// In the order of `gets`; all are looked up first, together.
  void serve(NodeId caller, std::span<const wire::peer::Get* const> gets, TimePoint now,
             Actions& out);
  void cancel(NodeId caller, wire::peer::RequestId request, TimePoint now, Actions& out);
  void on_caller_gone(NodeId caller, TimePoint now, Actions& out);

  // Other nodes as the asked.
  template <class Reply>
  void on_reply(NodeId from, const Reply& reply, TimePoint now, Actions& out) {
    asks_.on_reply(from, reply, now, out);
  }
  void on_unreachable(NodeId node, TimePoint now, Actions& out);

  void stop(TimePoint now, Actions& out);
  void on_deadline(TimePoint now, Actions& out);
  std::optional<TimePoint> next_deadline() const;

  bool idle() const { return asks_.idle() && flights_.idle(); }
  /// About, of memory, of all requests under way.
  std::size_t memory_bytes() const {
    return waiters_.memory_bytes() + asks_.memory_bytes() + flights_.memory_bytes();
  }
  /// Readable from any thread.
  std::shared_ptr<const Statistics> statistics() const { return statistics_; }

 private:
  void serve(NodeId caller, const wire::peer::Get& get, KeyView key, std::optional<Entry>& entry,
             TimePoint now, Actions& out);
  bool owns(KeyView key) const;
  /// Whether an entry of this node's memory may answer another node's request.
  bool may_serve(KeyView key, const Entry& entry, const wire::peer::Get& get) const;
  void consider_refresh(KeyView key, const Entry& entry, TimePoint now, Actions& out);
  /// Takes a waiter out and tells what it waited for.
  std::optional<Waiter> remove(Waiters::Handle handle, TimePoint now, Actions& out);
  Error timed_out(const Waiter& waiter) const;

  CacheId cache_;
  Options options_;
  Storage& storage_;
  const Ownership& ownership_;
  Surroundings& surroundings_;
  /// Shared with who reads them, perhaps later than the cache is open.
  const std::shared_ptr<Statistics> statistics_ = std::make_shared<Statistics>();
  Waiters waiters_;
  Flights flights_;
  Asks asks_;
  /// Of serve(), kept for their memory.
  std::vector<KeyView> keys_;
  std::vector<std::optional<Entry>> entries_;
};

}  // namespace kith::fetch
