// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline_queue.h"
#include "base/rng.h"
#include "core/membership/actions.h"
#include "core/membership/awareness.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"
#include "core/membership/moves.h"
#include "core/membership/options.h"
#include "core/membership/outbox.h"

namespace kith::membership {

/// What is believed about whom: the rules by which claims (alive, suspect, dead) change the
/// members, whether they come by packet, by push/pull or from this node itself, and the times that
/// suspects have left. The rules' order is memberlist's. Pure; one thread.
class Roster {
 public:
  /// The references must outlive it. Adds this node to the members.
  Roster(const Options& options, Members& members, Outbox& outbox, Moves& moves,
         Awareness& awareness, Rng& rng, TimePoint now);

  void on_alive(const Alive& claim, TimePoint now, Actions& out);
  void on_suspect(const Suspect& claim, TimePoint now, Actions& out);
  void on_dead(const Dead& claim, TimePoint now, Actions& out);
  /// Takes over what another node knows. What that one takes for dead this one only suspects, so
  /// that nobody dies of hearsay. False when it must not be merged: see compatible().
  bool merge(std::span<const NodeState> nodes, TimePoint now, Actions& out);
  /// Takes over one that was known before, without spreading it.
  void recall(const NodeState& node, TimePoint now, Actions& out);
  /// All that this node knows, for a push/pull.
  std::vector<NodeState> all() const;

  /// Nobody has the name of `claim` at the address where it was.
  void on_uncontradicted(const Alive& claim, TimePoint now, Actions& out);
  /// Somebody has.
  void on_contradicted(const Alive& claim, Actions& out) const;

  /// This node's own news.
  Alive own_claim() const;
  void announce();
  void set_meta(std::string meta);
  void leave(TimePoint now, Actions& out);
  bool leaving() const { return leaving_; }

  /// Declares the suspects dead whose time is over, a probe's timeout after a last warning to each:
  /// it may have refuted long ago, and the news of that missed this node.
  void on_deadline(TimePoint now, Actions& out);
  /// May be of a suspect that was cleared.
  std::optional<TimePoint> next_deadline() const { return suspects_.next(); }
  /// Nobody is declared dead before.
  void postpone(TimePoint at_least, TimePoint now);

 private:
  bool acceptable(const Alive& claim) const;
  void on_known_elsewhere(Member& member, const Alive& claim, TimePoint now, Actions& out);
  void on_alive_self(const Alive& claim);
  /// Makes it a living member as `claim` says, and spreads that.
  void adopt(Member& member, const Alive& claim, TimePoint now, Actions& out);
  /// ... and keeps it to itself.
  void take_over(Member& member, const Alive& claim, TimePoint now, Actions& out);
  void suspect(Member& member, const Suspect& claim, TimePoint now, Actions& out);
  /// Comes back to the suspect in on_deadline.
  void watch(const Member& member, TimePoint now);
  /// Contradicts a claim about this node of incarnation `accused`.
  void refute(std::uint32_t accused);
  void raise_above(std::uint32_t incarnation);
  void merge_one(const NodeState& node, TimePoint now, Actions& out);

  Options options_;
  Members& members_;
  Outbox& outbox_;
  Moves& moves_;
  Awareness& awareness_;
  Rng& rng_;
  bool leaving_ = false;
  /// Names of suspects, again for each change of when there is something to do about one.
  DeadlineQueue<std::string> suspects_;
  std::size_t suspect_count_ = 0;
};

}  // namespace kith::membership
