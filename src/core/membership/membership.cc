// SPDX-License-Identifier: Apache-2.0
#include "core/membership/membership.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "base/check.h"
#include "core/membership/scaling.h"

namespace kith::membership {
namespace {

/// After a stall of this node everybody gets the stall's length, at most this, to be heard.
constexpr Duration kMostForgiven = std::chrono::seconds(1);

Duration part_of(Duration interval, Rng& rng) {
  return Duration(static_cast<Duration::rep>(
      rng.below(static_cast<std::uint64_t>(std::max<Duration::rep>(interval.count(), 1)))));
}

/// The first tick after `now` of those `interval` apart; the ones that were missed are dropped.
TimePoint tick_after(TimePoint tick, Duration interval, TimePoint now) {
  return tick + ((now - tick) / interval + 1) * interval;
}

}  // namespace

Membership::Membership(const Options& options, TimePoint now)
    : options_(options),
      rng_(options.seed),
      awareness_(options.profile.awareness_max_multiplier),
      members_(options.name),
      outbox_(options, members_),
      moves_(options, sequence_, outbox_),
      roster_(options, members_, outbox_, moves_, awareness_, rng_, now),
      prober_(options, members_, outbox_, streams_, sequence_, awareness_, rng_),
      relays_(options, sequence_, outbox_),
      probe_at_(now + part_of(options.profile.probe_interval, rng_)),
      push_pull_at_(now + part_of(options.profile.push_pull_interval, rng_)),
      gossip_at_(now + part_of(options.profile.gossip_interval, rng_)) {
  KITH_CHECK(!options.name.empty() && options.meta.size() <= kMaxMeta);
  KITH_CHECK(options.incarnation > 0 && consistent(options.versions));
  KITH_CHECK(options.profile.probe_interval > Duration::zero());
  roster_.announce();
}

// ---- The operator's side

JoinId Membership::join(std::span<const Address> addresses, TimePoint now, Actions& out) {
  const JoinId join{++last_join_};
  // One more, so that it ends here when there is nobody to ask.
  joins_[join].open = 1;
  for (const Address& address : addresses) {
    if (address == options_.address) continue;
    ++joins_[join].open;
    push_pull_with(address, join, now, out);
  }
  end_of_join(join, false, out);
  return join;
}

void Membership::end_of_join(JoinId id, bool reached, Actions& out) {
  Join& join = joins_[id];
  if (reached) ++join.reached;
  if (--join.open > 0) return;
  out.push_back(JoinEnded{id, join.reached});
  joins_.erase(id);
}

void Membership::recall(std::span<const NodeState> nodes, TimePoint now, Actions& out) {
  for (const NodeState& node : nodes) roster_.recall(node, now, out);
  // Exchanges of a pool that is large from the start are as far apart as they are later.
  push_pull_at_ = now + part_of(push_pull_interval(options_.profile, members_.size()), rng_);
}

void Membership::exchange(const Address& with, TimePoint now, Actions& out) {
  push_pull_with(with, std::nullopt, now, out);
}

void Membership::leave(TimePoint now, Duration patience, Actions& out) {
  if (roster_.leaving()) return;
  roster_.leave(now, out);
  bool listeners = false;
  members_.for_each([&](const Member& member) {
    listeners = listeners || (!members_.is_self(member.name) && !member.gone());
  });
  leave_until_ = listeners ? now + patience : now;
  finish_leaving(now, out);
}

void Membership::finish_leaving(TimePoint now, Actions& out) {
  if (!leave_until_) return;
  if (*leave_until_ > now && outbox_.spreading(options_.name)) return;
  leave_until_.reset();
  out.push_back(LeaveEnded{});
}

Result<void> Membership::set_meta(std::string meta) {
  if (meta.size() > kMaxMeta) {
    return fail(ErrorCode::invalid_argument, "meta: at most 512 bytes fit");
  }
  roster_.set_meta(std::move(meta));
  return {};
}

Result<void> Membership::spread(std::string payload, std::string_view about) {
  if (!outbox_.spread_user(about, std::move(payload))) {
    return fail(ErrorCode::too_large, "the message is larger than a packet");
  }
  return {};
}

// ---- Packets

void Membership::on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                           Actions& out) {
  for (const Message& message : messages) {
    std::visit([&](const auto& content) { handle(source, content, now, out); }, message);
  }
}

void Membership::handle(const Address& source, const Ping& ping, TimePoint, Actions& out) {
  if (!ping.node.empty() && ping.node != options_.name) return;
  const bool named = !ping.source_addr.empty() && ping.source_port != 0;
  outbox_.send(named ? Address{ping.source_addr, ping.source_port} : source, Ack{ping.seq_no}, out);
}

void Membership::handle(const Address& source, const IndirectPing& request, TimePoint now,
                        Actions& out) {
  relays_.on_request(request, source, now, out);
}

void Membership::handle(const Address&, const Ack& ack, TimePoint now, Actions& out) {
  if (prober_.on_ack(ack.seq_no) || relays_.on_ack(ack.seq_no, out)) return;
  if (const auto claim = moves_.on_ack(ack.seq_no, now)) roster_.on_contradicted(*claim, out);
}

void Membership::handle(const Address&, const Nack& nack, TimePoint, Actions&) {
  prober_.on_nack(nack.seq_no);
}

void Membership::handle(const Address& source, const Suspect& claim, TimePoint now, Actions& out) {
  correct(source, claim.node, claim.incarnation, out);
  roster_.on_suspect(claim, now, out);
}

void Membership::handle(const Address&, const Alive& claim, TimePoint now, Actions& out) {
  roster_.on_alive(claim, now, out);
}

void Membership::handle(const Address& source, const Dead& claim, TimePoint now, Actions& out) {
  correct(source, claim.node, claim.incarnation, out);
  roster_.on_dead(claim, now, out);
}

void Membership::correct(const Address& source, const std::string& node, std::uint32_t incarnation,
                         Actions& out) {
  if (!options_.corrections || !members_.is_self(node) || roster_.leaving()) return;
  if (incarnation < members_.self().incarnation) outbox_.send(source, roster_.own_claim(), out);
}

void Membership::handle(const Address&, const User& user, TimePoint, Actions& out) {
  out.push_back(UserReceived{user.payload});
}

// ---- Streams

void Membership::on_caller(CallerId caller, const StreamMessage& request, TimePoint now,
                           Actions& out) {
  std::visit([&](const auto& content) { serve(caller, content, now, out); }, request);
}

void Membership::serve(CallerId caller, const Ping& ping, TimePoint, Actions& out) {
  if (ping.node.empty() || ping.node == options_.name) {
    out.push_back(ReplyToCaller{caller, Ack{ping.seq_no}});
  } else {
    out.push_back(RefuseCaller{caller});
  }
}

void Membership::serve(CallerId caller, const Ack&, TimePoint, Actions& out) {
  out.push_back(RefuseCaller{caller});
}

void Membership::serve(CallerId caller, const PushPull& remote, TimePoint now, Actions& out) {
  // The answer is what this node knew before.
  out.push_back(ReplyToCaller{caller, everything(remote.join)});
  merge(remote, now, out);
}

void Membership::serve(CallerId caller, const User& user, TimePoint, Actions& out) {
  out.push_back(RefuseCaller{caller});
  out.push_back(UserReceived{user.payload});
}

void Membership::on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now,
                                 Actions& out) {
  const auto use = streams_.end(stream);
  if (!use) return;
  if (use->ping) {
    const Ack* ack = std::get_if<Ack>(&reply);
    if (ack != nullptr && ack->seq_no == *use->ping) prober_.on_stream_ack(*use->ping);
    return;
  }
  const PushPull* remote = std::get_if<PushPull>(&reply);
  const bool merged = remote != nullptr && merge(*remote, now, out);
  if (use->join) end_of_join(*use->join, merged, out);
}

void Membership::on_stream_failed(StreamId stream, Actions& out) {
  const auto use = streams_.end(stream);
  if (use && use->join) end_of_join(*use->join, false, out);
}

PushPull Membership::everything(bool join) const { return {join, roster_.all(), user_state_}; }

void Membership::push_pull_with(const Address& to, std::optional<JoinId> join, TimePoint now,
                                Actions& out) {
  streams_.open(to, everything(join.has_value()), now + options_.profile.stream_timeout,
                {.join = join}, out);
}

bool Membership::merge(const PushPull& remote, TimePoint now, Actions& out) {
  if (!roster_.merge(remote.nodes, now, out)) {
    out.push_back(Incompatible{});
    return false;
  }
  if (!remote.user_state.empty()) {
    out.push_back(UserStateReceived{remote.user_state, remote.join});
  }
  return true;
}

// ---- Time

TimePoint Membership::next_judgement() const {
  TimePoint next = probe_at_;
  for (const auto& due : {prober_.next_deadline(), relays_.next_deadline(), moves_.next_deadline(),
                          roster_.next_deadline()}) {
    if (due) next = std::min(next, *due);
  }
  return next;
}

TimePoint Membership::next_deadline() const {
  TimePoint next = std::min(next_judgement(), push_pull_at_);
  if (!outbox_.idle()) next = std::min(next, gossip_at_);
  if (leave_until_) next = std::min(next, *leave_until_);
  return next;
}

void Membership::on_deadline(TimePoint now, Actions& out) {
  forgive_own_stall(now);
  judge(now, out);
  if (probe_at_ <= now) tick_probe(now, out);
  if (push_pull_at_ <= now) tick_push_pull(now, out);
  if (gossip_at_ <= now && !outbox_.idle()) tick_gossip(now, out);
  finish_leaving(now, out);
}

void Membership::forgive_own_stall(TimePoint now) {
  const Duration late = now - next_judgement();
  if (late <= options_.own_stall) return;
  prober_.postpone(late);
  relays_.postpone(late);
  moves_.postpone(late);
  roster_.postpone(now + std::min(late, kMostForgiven), now);
}

void Membership::judge(TimePoint now, Actions& out) {
  if (const auto accusation = prober_.on_deadline(now, out)) {
    out.push_back(ProbeFailed{accusation->node, accusation->incarnation});
    roster_.on_suspect(*accusation, now, out);
  }
  relays_.on_deadline(now, out);
  for (const Alive& claim : moves_.on_deadline(now, out)) {
    roster_.on_uncontradicted(claim, now, out);
  }
  roster_.on_deadline(now, out);
}

void Membership::tick_probe(TimePoint now, Actions& out) {
  probe_at_ = tick_after(probe_at_, options_.profile.probe_interval, now);
  prober_.tick(now, out);
}

void Membership::tick_push_pull(TimePoint now, Actions& out) {
  push_pull_at_ = now + push_pull_interval(options_.profile, members_.size());
  const auto chosen = members_.choose(1, rng_, [&](const Member& member) {
    return member.state == State::alive && !members_.is_self(member.name);
  });
  for (const Member* member : chosen) push_pull_with(member->address, std::nullopt, now, out);
}

void Membership::tick_gossip(TimePoint now, Actions& out) {
  gossip_at_ = now + options_.profile.gossip_interval;
  const auto chosen =
      members_.choose(options_.profile.gossip_nodes, rng_, [&](const Member& member) {
        if (members_.is_self(member.name) || member.state == State::left) return false;
        return member.state != State::dead ||
               now - member.changed <= options_.profile.gossip_to_the_dead;
      });
  for (const Member* member : chosen) {
    if (!outbox_.gossip(*member, out)) return;
  }
}

}  // namespace kith::membership
