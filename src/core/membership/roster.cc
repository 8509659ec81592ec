// SPDX-License-Identifier: Apache-2.0
#include "core/membership/roster.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/membership/scaling.h"
#include "core/membership/versions.h"

namespace kith::membership {
namespace {

/// A claim of this incarnation could not be refuted.
constexpr std::uint32_t kLastIncarnation = UINT32_MAX;

using Kind = MemberEvent::Kind;

MemberEvent event(Kind kind, const Member& member) {
  return {kind, member.name, member.address, member.meta, member.versions, member.incarnation};
}

Alive claim_of(const NodeState& node) {
  return {node.incarnation, node.name, node.addr, node.port, node.meta, node.vsn};
}

}  // namespace

Roster::Roster(const Options& options, Members& members, Outbox& outbox, Moves& moves,
               Awareness& awareness, Rng& rng, TimePoint now)
    : options_(options),
      members_(members),
      outbox_(outbox),
      moves_(moves),
      awareness_(awareness),
      rng_(rng) {
  Member& self = members_.add(options_.name, rng_);
  self.address = options_.address;
  self.meta = options_.meta;
  self.versions = options_.versions;
  self.incarnation = options_.incarnation;
  self.state = State::alive;
  self.changed = now;
}

// ---- Alive

void Roster::on_alive(const Alive& claim, TimePoint now, Actions& out) {
  if (members_.is_self(claim.node) && leaving_) return;
  if (!acceptable(claim)) return;
  Member* member = members_.find(claim.node);
  if (member == nullptr) {
    if (claim.incarnation == 0 || members_.size() >= options_.max_members) return;
    adopt(members_.add(claim.node, rng_), claim, now, out);
  } else if (member->address != address_of(claim)) {
    on_known_elsewhere(*member, claim, now, out);
  } else if (members_.is_self(claim.node)) {
    on_alive_self(claim);
  } else if (claim.incarnation > member->incarnation) {
    adopt(*member, claim, now, out);
  }
}

bool Roster::acceptable(const Alive& claim) const {
  return !claim.node.empty() && (claim.addr.size() == 4 || claim.addr.size() == 16) &&
         claim.incarnation != kLastIncarnation && consistent(claim.vsn) && outbox_.fits(claim) &&
         (!options_.admit || options_.admit(claim));
}

void Roster::on_known_elsewhere(Member& member, const Alive& claim, TimePoint now, Actions& out) {
  const bool self = members_.is_self(member.name);
  const Address claimed = address_of(claim);
  // Old news of where it was before it moved.
  if (member.was_at(claimed) && claim.incarnation <= member.incarnation) return;
  // Nor is anybody else where this node is itself.
  if (!self && options_.verify_moves && claimed == options_.address) return;
  const Duration reclaim = options_.profile.dead_node_reclaim;
  const bool reclaimable =
      options_.verify_moves || (reclaim > Duration::zero() && now - member.changed > reclaim);
  const bool free = member.state == State::left || (member.state == State::dead && reclaimable);
  if (!self && free) {
    adopt(member, claim, now, out);
  } else if (options_.verify_moves) {
    // This node knows where it is itself: the question is whether somebody else is it there.
    moves_.question(claim, self ? claimed : member.address, now, out);
  } else {
    on_contradicted(claim, out);
  }
}

void Roster::on_uncontradicted(const Alive& claim, TimePoint now, Actions& out) {
  Member* member = members_.find(claim.node);
  if (member == nullptr || member->address == address_of(claim)) return;
  if (members_.is_self(claim.node)) {
    // What is left of an earlier life elsewhere: outdo it, or it is believed for ever.
    if (!leaving_ && claim.incarnation >= member->incarnation) raise_above(claim.incarnation);
  } else if (claim.incarnation > member->incarnation || member->gone()) {
    adopt(*member, claim, now, out);
  }
}

void Roster::on_contradicted(const Alive& claim, Actions& out) const {
  const Member* member = members_.find(claim.node);
  if (member == nullptr || member->address == address_of(claim)) return;
  out.push_back(NameConflict{claim.node, member->address, address_of(claim)});
}

void Roster::on_alive_self(const Alive& claim) {
  const Member& self = members_.self();
  if (claim.incarnation < self.incarnation) return;
  if (claim.incarnation == self.incarnation && claim.meta == self.meta &&
      claim.vsn == self.versions) {
    return;
  }
  refute(claim.incarnation);
}

void Roster::adopt(Member& member, const Alive& claim, TimePoint now, Actions& out) {
  take_over(member, claim, now, out);
  outbox_.spread(member.name, claim);
}

void Roster::take_over(Member& member, const Alive& claim, TimePoint now, Actions& out) {
  const bool moved = member.address != address_of(claim);
  const bool updated = moved || member.meta != claim.meta;
  const State before = member.state;
  if (moved && !member.address.ip.empty()) {
    member.former = std::make_unique<const Address>(member.address);
  }
  if (member.suspicion) --suspect_count_;
  member.suspicion.reset();
  member.address = address_of(claim);
  member.meta = claim.meta;
  member.versions = claim.vsn;
  member.incarnation = claim.incarnation;
  if (before != State::alive) member.changed = now;
  member.state = State::alive;

  if (before == State::dead || before == State::left) {
    out.push_back(event(Kind::joined, member));
    return;
  }
  if (before == State::suspect) out.push_back(event(Kind::cleared, member));
  if (updated) out.push_back(event(Kind::updated, member));
}

// ---- Suspect and dead

void Roster::on_suspect(const Suspect& claim, TimePoint now, Actions& out) {
  Member* member = members_.find(claim.node);
  if (member == nullptr || claim.incarnation < member->incarnation) return;
  if (claim.incarnation == kLastIncarnation || !outbox_.fits(claim)) return;
  if (member->suspicion) {
    if (!member->suspicion->confirm(claim.from, now)) return;
    watch(*member, now);
    outbox_.spread(member->name, claim);
  } else if (member->state == State::alive) {
    if (members_.is_self(claim.node)) {
      refute(claim.incarnation);
    } else {
      suspect(*member, claim, now, out);
    }
  }
}

void Roster::suspect(Member& member, const Suspect& claim, TimePoint now, Actions& out) {
  outbox_.spread(member.name, claim);
  member.incarnation = claim.incarnation;
  member.state = State::suspect;
  member.changed = now;
  member.suspicion = std::make_unique<Suspicion>(
      claim.from, suspicion_bounds(options_.profile, members_.size()), now);
  ++suspect_count_;
  watch(member, now);
  out.push_back(event(Kind::suspected, member));
}

void Roster::watch(const Member& member, TimePoint now) {
  const Suspicion& suspicion = *member.suspicion;
  const TimePoint warning = suspicion.deadline() - options_.profile.probe_timeout;
  const bool warn = options_.corrections && !suspicion.warned();
  suspects_.push(std::max(now, warn ? warning : suspicion.deadline()), member.name);
}

void Roster::on_dead(const Dead& claim, TimePoint now, Actions& out) {
  Member* member = members_.find(claim.node);
  if (member == nullptr || claim.incarnation < member->incarnation || member->gone()) return;
  if (claim.incarnation == kLastIncarnation || !outbox_.fits(claim)) return;
  const bool self = members_.is_self(claim.node);
  if (self && !leaving_) {
    refute(claim.incarnation);
    return;
  }
  if (member->suspicion) --suspect_count_;
  member->suspicion.reset();
  outbox_.spread(member->name, claim);
  member->incarnation = claim.incarnation;
  member->state = claim.node == claim.from ? State::left : State::dead;
  member->changed = now;
  if (self) return;
  out.push_back(event(member->state == State::left ? Kind::left : Kind::failed, *member));
}

void Roster::on_deadline(TimePoint now, Actions& out) {
  const Duration warning = options_.profile.probe_timeout;
  while (const auto name = suspects_.pop_due(now)) {
    Member* member = members_.find(*name);
    // Cleared, or gone, or its moment is another by now, which has its own place in the queue.
    if (member == nullptr || !member->suspicion) continue;
    Suspicion& suspicion = *member->suspicion;
    if (options_.corrections && !suspicion.warned() && suspicion.deadline() - warning <= now) {
      suspicion.set_warned();
      suspicion.postpone(now + warning);
      watch(*member, now);
      const Suspect accusation{member->incarnation, member->name, options_.name};
      outbox_.send_only(*member, {accusation}, out);
    } else if (suspicion.deadline() <= now) {
      on_dead({member->incarnation, member->name, options_.name}, now, out);
    }
  }
  suspects_.compact(suspect_count_, [&](const std::string& name) {
    const Member* member = members_.find(name);
    return member != nullptr && member->suspicion;
  });
}

void Roster::postpone(TimePoint at_least, TimePoint now) {
  std::vector<Member*> postponed;
  while (const auto name = suspects_.pop_due(at_least)) {
    Member* member = members_.find(*name);
    if (member != nullptr && member->suspicion) postponed.push_back(member);
  }
  for (Member* member : postponed) {
    member->suspicion->postpone(at_least);
    watch(*member, now);
  }
}

// ---- This node

void Roster::refute(std::uint32_t accused) {
  // Somebody had a reason to doubt this node.
  awareness_.apply(+1);
  raise_above(accused);
}

void Roster::raise_above(std::uint32_t incarnation) {
  Member& self = members_.self();
  self.incarnation = std::min(std::max(self.incarnation, incarnation), kLastIncarnation - 1) + 1;
  announce();
}

Alive Roster::own_claim() const {
  const Member& self = members_.self();
  return {self.incarnation,  self.name, self.address.ip,
          self.address.port, self.meta, self.versions};
}

void Roster::announce() { outbox_.spread(options_.name, own_claim()); }

void Roster::set_meta(std::string meta) {
  Member& self = members_.self();
  self.meta = std::move(meta);
  if (!leaving_) raise_above(self.incarnation);
}

void Roster::leave(TimePoint now, Actions& out) {
  leaving_ = true;
  on_dead({members_.self().incarnation, options_.name, options_.name}, now, out);
}

// ---- Push/pull

std::vector<NodeState> Roster::all() const {
  std::vector<NodeState> nodes;
  nodes.reserve(members_.size());
  members_.for_each([&](const Member& member) {
    nodes.push_back({member.name, member.address.ip, member.address.port, member.meta,
                     member.incarnation, member.state, member.versions});
  });
  return nodes;
}

bool Roster::merge(std::span<const NodeState> nodes, TimePoint now, Actions& out) {
  if (nodes.size() > options_.max_members || !compatible(nodes, members_)) return false;
  for (const NodeState& node : nodes) merge_one(node, now, out);
  return true;
}

void Roster::recall(const NodeState& node, TimePoint now, Actions& out) {
  const Alive claim = claim_of(node);
  if (node.state != State::alive || !acceptable(claim) || claim.incarnation == 0) return;
  if (members_.find(node.name) != nullptr || members_.size() >= options_.max_members) return;
  take_over(members_.add(node.name, rng_), claim, now, out);
}

void Roster::merge_one(const NodeState& node, TimePoint now, Actions& out) {
  switch (node.state) {
    case State::alive:
      on_alive(claim_of(node), now, out);
      return;
    case State::left:
      on_dead({node.incarnation, node.name, node.name}, now, out);
      return;
    case State::suspect:
    case State::dead:
      on_suspect({node.incarnation, node.name, options_.name}, now, out);
      return;
  }
  // A state of a later version.
}

}  // namespace kith::membership
