// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/key.h"
#include "base/mark.h"
#include "base/rng.h"
#include "base/tenure.h"
#include "core/fetch/actions.h"
#include "core/fetch/fetch.h"
#include "core/fetch/options.h"
#include "core/fetch/statistics.h"
#include "core/fetch/surroundings.h"
#include "core/membership/liveness.h"
#include "core/placement/view.h"
#include "store/store.h"

namespace kith::core {

struct NodeOptions {
  /// The advertised address.
  std::string name;
  BootId boot;
  /// Of the node's random choices (jitter, early refresh).
  std::uint64_t seed = 0;
  /// Which of its process's loops this is. Part of every request and load id, so that those of one
  /// process's loops differ: see slice_of_id.
  std::uint8_t slice = 0;
  membership::LivenessOptions liveness = {};
};

/// The slice of the node that made this request or load id.
constexpr std::uint8_t slice_of_id(std::uint64_t id) { return static_cast<std::uint8_t>(id >> 40); }

/// One request of a user.
struct GetRequest {
  fetch::Ticket ticket;
  CacheId cache;
  /// Borrowed for the call.
  KeyView key;
  TimePoint deadline;
  /// on_withdraw may be called for it.
  bool withdrawable = false;
};

/// The protocol of one node, composed: pure, single-threaded, (event, now) -> actions. The driver
/// feeds it events in the order they happen, executes the actions after each, and calls on_deadline
/// when next_deadline() has come. `now` must never go back.
class Node final : private fetch::Neighbours {
 public:
  /// `marks` must outlive it.
  Node(NodeOptions options, Marks& marks);
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeId id() const { return surroundings_.self; }
  BootId boot() const { return surroundings_.boot; }

  /// Makes a cache known, whose keys are owned as `view` says. `store` and `tenure` must outlive
  /// its being open. The name must not be open.
  void open_cache(std::string_view name, const fetch::Options& options, store::Store& store,
                  const Tenure& tenure, std::shared_ptr<const placement::View> view);
  /// Ends what is under way in the cache as on_stop() does, and forgets it.
  void close_cache(CacheId cache, TimePoint now, fetch::Actions& out);
  /// The miss path's counters of an open cache; readable from any thread, also when it was closed.
  /// Null: not open.
  std::shared_ptr<const fetch::Statistics> statistics(CacheId cache) const;

  // From the user's side.
  void on_get(const GetRequest& request, TimePoint now, fetch::Actions& out);
  /// The caller of a withdrawable request no longer waits: completes it as cancelled.
  void on_withdraw(CacheId cache, fetch::Ticket ticket, TimePoint now, fetch::Actions& out);
  /// An entry is worth loading anew before it expires: see fetch::refresh_due.
  void on_refresh(CacheId cache, KeyView key, TimePoint now, fetch::Actions& out);
  /// A loader answered. An id that is not known any more is counted and ignored.
  void on_loaded(fetch::LoadId load, fetch::LoadOutcome outcome, TimePoint now,
                 fetch::Actions& out);

  // From the other nodes' side.
  /// on_message() for each; requests for one cache are looked up together.
  void on_messages(NodeId from, std::span<const wire::peer::Message> messages, TimePoint now,
                   fetch::Actions& out);
  void on_message(NodeId from, const wire::peer::Message& message, TimePoint now,
                  fetch::Actions& out);
  /// The connection that this node dialed to `node` is ready, or gone (or could not be made).
  void on_link_up(NodeId node, TimePoint now, fetch::Actions& out);
  void on_link_down(NodeId node, TimePoint now, fetch::Actions& out);
  /// The membership says that others have found `node` not to answer.
  void on_rumour(NodeId node, TimePoint now, fetch::Actions& out);
  /// The connection by which `node` sent requests is gone: nobody waits for those.
  void on_caller_gone(NodeId node, TimePoint now, fetch::Actions& out);

  // From the operator's side.
  /// These are the nodes to which this one has links, or tries to. Whoever is not among them counts
  /// as unreachable.
  void on_peers(std::span<const NodeId> peers, TimePoint now);
  /// The owners of an open cache's keys changed. Requests under way are not lost.
  void on_view(CacheId cache, std::shared_ptr<const placement::View> view);
  /// About to stop: requests of other nodes are refused from now on.
  void on_drain(TimePoint now, fetch::Actions& out);
  /// Ends everything under way: users get `cancelled`, other nodes are sent to a stand-in.
  void on_stop(TimePoint now, fetch::Actions& out);

  void on_deadline(TimePoint now, fetch::Actions& out);
  std::optional<TimePoint> next_deadline() const;

  /// Null: not open.
  std::shared_ptr<const placement::View> view(CacheId cache) const;
  membership::Reachability reachability(NodeId node) const { return liveness_.state(node); }
  /// Nothing is under way: no load, no request.
  bool idle() const;
  /// About, of memory, of all requests under way.
  std::size_t request_bytes() const;
  /// Requests under way to `node`; its link must stay while there are any.
  std::size_t requests_to(NodeId node) const { return liveness_.expecting(node); }
  /// Requests under way to all other nodes together.
  std::size_t requests_under_way() const { return liveness_.expecting(); }

 private:
  class Cache;

  // Messages, one handler each; dispatch is on_message.
  void handle(NodeId from, const wire::peer::Ping& ping, TimePoint now, fetch::Actions& out);
  void handle(NodeId from, const wire::peer::Pong& pong, TimePoint now, fetch::Actions& out);
  void handle(NodeId from, const wire::peer::Get& get, TimePoint now, fetch::Actions& out);
  void handle(NodeId from, const wire::peer::Cancel& cancel, TimePoint now, fetch::Actions& out);
  template <class Reply>
  void handle_reply(NodeId from, const Reply& reply, TimePoint now, fetch::Actions& out);

  // fetch::Neighbours
  bool reachable(NodeId node) const override;
  void request_sent(NodeId node, TimePoint now) override;
  void request_ended(NodeId node) override;

  void apply(const std::vector<membership::LivenessEvent>& events, TimePoint now,
             fetch::Actions& out);
  template <class Fn>
  void for_each_cache(Fn&& fn) const;
  Cache* find(CacheId cache) const;
  Cache* find_by_ordinal(std::uint64_t id) const;

  std::uint8_t slice_;
  Rng rng_;
  membership::Liveness liveness_;
  fetch::Surroundings surroundings_;
  /// In the order of opening; a cache's place is the ordinal in its request and load ids. Null: it
  /// was closed, and the place is not used again.
  std::vector<std::unique_ptr<Cache>> caches_;
  std::vector<membership::LivenessEvent> events_;
  /// Of on_messages(), kept for its memory.
  std::vector<const wire::peer::Get*> gets_;
};

}  // namespace kith::core
