// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "core/membership/actions.h"
#include "core/membership/awareness.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"
#include "core/membership/moves.h"
#include "core/membership/options.h"
#include "core/membership/outbox.h"
#include "core/membership/prober.h"
#include "core/membership/relays.h"
#include "core/membership/roster.h"
#include "core/membership/sequence.h"
#include "core/membership/streams.h"

namespace kith::membership {

/// One node's part in a memberlist pool: SWIM with Lifeguard, as HashiCorp's memberlist does it, so
/// that both kinds of node may be in one pool. (event, now) -> actions: the driver feeds it what
/// happens in the order in which it happens, executes the actions after each input, and calls
/// on_deadline when next_deadline() has come, *after* it handed over what it has received. `now`
/// must never go back. Nothing that a peer sends harms it. See "Membership" in docs/notes.md. Pure;
/// one thread.
class Membership {
 public:
  /// A pool of one, which probes and spreads from `now` on. Options that are no good are a defect
  /// of the caller.
  Membership(const Options& options, TimePoint now);
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // From the operator's side.
  /// Exchanges everything with each address, once. Ends as JoinEnded. There is no retry, nor
  /// does a pool that fell apart join itself again: that is the caller's.
  JoinId join(std::span<const Address> addresses, TimePoint now, Actions& out);
  /// Takes the living of `nodes` for members, without asking them or telling others: what this node
  /// knew in an earlier life. Those that are known already stay as they are.
  void recall(std::span<const NodeState> nodes, TimePoint now, Actions& out);
  /// Exchanges everything with one member, besides the exchanges that come by themselves.
  void exchange(const Address& with, TimePoint now, Actions& out);
  /// Tells the others that this node leaves; ends as LeaveEnded, after `patience` at the latest. It
  /// keeps answering until then, and after. Once; a second call does nothing.
  void leave(TimePoint now, Duration patience, Actions& out);
  /// Replaces what is attached to this node. invalid_argument: over kMaxMeta.
  Result<void> set_meta(std::string meta);
  /// What goes with every push/pull from now on.
  void set_user_state(std::string state) { user_state_ = std::move(state); }
  /// Spreads bytes of the layer above, without acknowledgement or order. Newer ones about the same
  /// replace older; an empty `about` replaces nothing. too_large: they would fit into no packet.
  Result<void> spread(std::string payload, std::string_view about = {});
  /// What was spread about it needs not be sent any more.
  void stop_spreading(std::string_view about) { outbox_.drop_user(about); }

  // From the others' side.
  /// The messages of one packet, in their order. `source` is where it came from.
  void on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                 Actions& out);
  /// Another node's request on a stream; answered by ReplyToCaller or RefuseCaller at once.
  void on_caller(CallerId caller, const StreamMessage& request, TimePoint now, Actions& out);
  void on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now, Actions& out);
  void on_stream_failed(StreamId stream, Actions& out);

  void on_deadline(TimePoint now, Actions& out);
  TimePoint next_deadline() const;

  /// Everybody this node knows, itself included.
  const Members& members() const { return members_; }
  /// How far this node doubts its own health; 0 is well.
  int health_score() const { return awareness_.score(); }
  bool leaving() const { return roster_.leaving(); }

 private:
  struct Join {
    std::size_t open = 0;
    std::size_t reached = 0;
  };

  // Messages in packets, one handler each; dispatch is on_packet.
  void handle(const Address& source, const Ping& ping, TimePoint now, Actions& out);
  void handle(const Address& source, const IndirectPing& request, TimePoint now, Actions& out);
  void handle(const Address& source, const Ack& ack, TimePoint now, Actions& out);
  void handle(const Address& source, const Nack& nack, TimePoint now, Actions& out);
  void handle(const Address& source, const Suspect& claim, TimePoint now, Actions& out);
  void handle(const Address& source, const Alive& claim, TimePoint now, Actions& out);
  void handle(const Address& source, const Dead& claim, TimePoint now, Actions& out);
  void handle(const Address& source, const User& user, TimePoint now, Actions& out);
  // Requests on streams.
  void serve(CallerId caller, const Ping& ping, TimePoint now, Actions& out);
  void serve(CallerId caller, const Ack& ack, TimePoint now, Actions& out);
  void serve(CallerId caller, const PushPull& remote, TimePoint now, Actions& out);
  void serve(CallerId caller, const User& user, TimePoint now, Actions& out);

  /// Tells who passed on an accusation of this node that it has refuted before. The refutation may
  /// have missed him, and he would act on it in the end.
  void correct(const Address& source, const std::string& node, std::uint32_t incarnation,
               Actions& out);
  PushPull everything(bool join) const;
  void push_pull_with(const Address& to, std::optional<JoinId> join, TimePoint now, Actions& out);
  bool merge(const PushPull& remote, TimePoint now, Actions& out);
  void end_of_join(JoinId join, bool reached, Actions& out);
  void finish_leaving(TimePoint now, Actions& out);

  /// When the part of this node that judges others wants to.
  TimePoint next_judgement() const;
  void forgive_own_stall(TimePoint now);
  void judge(TimePoint now, Actions& out);
  void tick_probe(TimePoint now, Actions& out);
  void tick_push_pull(TimePoint now, Actions& out);
  void tick_gossip(TimePoint now, Actions& out);

  Options options_;
  Rng rng_;
  Awareness awareness_;
  Sequence sequence_;
  Streams streams_;
  Members members_;
  Outbox outbox_;
  Moves moves_;
  Roster roster_;
  Prober prober_;
  Relays relays_;

  std::string user_state_;
  std::uint64_t last_join_ = 0;
  std::map<JoinId, Join> joins_;
  /// While others are still to be told that this node leaves.
  std::optional<TimePoint> leave_until_;

  TimePoint probe_at_;
  TimePoint push_pull_at_;
  /// News that comes later goes out at once.
  TimePoint gossip_at_;
};

}  // namespace kith::membership
