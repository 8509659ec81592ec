// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/deadline_queue.h"
#include "base/ids.h"
#include "base/slab.h"
#include "core/fetch/actions.h"
#include "core/fetch/idle_memory.h"
#include "wire/peer/message.h"

namespace kith::fetch {

/// Who waits for an answer: a user of this node (`ticket`), or another node (`caller`, `request`).
struct Waiter {
  bool remote = false;
  Ticket ticket = {};
  bool withdrawable = false;
  NodeId caller = {};
  wire::peer::RequestId request = 0;
  TimePoint deadline = {};

  /// What it waits for; kept by Asks and Flights.
  enum class Place : std::uint8_t { nowhere, ask, ask_next, flight };
  Place place = Place::nowhere;
  std::uint64_t subject = 0;

  static Waiter user(Ticket ticket, TimePoint deadline, bool withdrawable) {
    Waiter waiter;
    waiter.ticket = ticket;
    waiter.deadline = deadline;
    waiter.withdrawable = withdrawable;
    return waiter;
  }
  static Waiter node(NodeId caller, wire::peer::RequestId request, TimePoint deadline) {
    Waiter waiter;
    waiter.remote = true;
    waiter.caller = caller;
    waiter.request = request;
    waiter.deadline = deadline;
    return waiter;
  }
};

/// All who wait at one cache of one node, each until its own deadline. Pure; loop thread only.
class Waiters {
 public:
  using Handle = Slab<Waiter>::Handle;

  Handle add(const Waiter& waiter);
  /// Null when it no longer waits.
  Waiter* find(Handle handle) { return slab_.find(handle); }
  /// Takes it out; its answer is the caller's to give. Empty: it no longer waits.
  std::optional<Waiter> take(Handle handle);

  std::optional<Handle> find_withdrawable(Ticket ticket) const;
  std::optional<Handle> find_remote(NodeId caller, wire::peer::RequestId request) const;

  /// One whose deadline has come.
  std::optional<Handle> next_expired(TimePoint now);
  /// May name one that no longer waits: then nothing is expired at that moment.
  std::optional<TimePoint> next_deadline() const { return deadlines_.next(); }

  std::size_t size() const { return slab_.size(); }
  /// About, of memory, with what their drivers keep of the requests of this node's users.
  std::size_t memory_bytes() const {
    return slab_.memory_bytes() + deadlines_.memory_bytes() + memory_of(withdrawable_) +
           memory_of(remote_) + size() * kBytesEach;
  }
  template <class Fn>
  void for_each(Fn fn) {
    slab_.for_each(fn);
  }

 private:
  using Remote = std::pair<NodeId, wire::peer::RequestId>;
  /// Elsewhere: its place at the flight, and a request with a callback.
  static constexpr std::size_t kBytesEach = 16 + 320;

  Slab<Waiter> slab_;
  DeadlineQueue<Handle> deadlines_;
  absl::flat_hash_map<Ticket, Handle> withdrawable_;
  absl::flat_hash_map<Remote, Handle> remote_;
};

}  // namespace kith::fetch
