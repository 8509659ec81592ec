// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/cluster.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "base/check.h"
#include "core/membership/cluster/user_state.h"

namespace kith::membership {
namespace {

/// Sets this node's random choices apart from the membership's.
constexpr std::uint64_t kSeedSalt = 0x636c7573746572;
/// Set in the numbers of streams and pings that are not the membership's.
constexpr std::uint64_t kOwnStream = std::uint64_t{1} << 63;
/// Whether anybody is at an address.
constexpr Duration kKnockTimeout = std::chrono::seconds(3);
/// Refused nodes remembered, so that each is warned of once.
constexpr std::size_t kMaxForeigners = 256;

PeerEvent::Kind kind_of(MemberEvent::Kind kind) {
  switch (kind) {
    case MemberEvent::Kind::joined:
      return PeerEvent::Kind::joined;
    case MemberEvent::Kind::updated:
      return PeerEvent::Kind::updated;
    case MemberEvent::Kind::suspected:
      return PeerEvent::Kind::suspected;
    case MemberEvent::Kind::cleared:
      return PeerEvent::Kind::cleared;
    case MemberEvent::Kind::failed:
      return PeerEvent::Kind::failed;
    case MemberEvent::Kind::left:
      break;
  }
  return PeerEvent::Kind::left;
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options, TimePoint now)
    : options_(options),
      rng_(options.membership.seed ^ kSeedSalt),
      own_{options.phase,
           options.data_port,
           options.weight,
           options.zone,
           options.boot,
           options.link,
           cluster_hash(options.cluster)},
      membership_(membership_options(options), now),
      seeds_(rng_) {
  KITH_CHECK(!options.cluster.empty() && options.cluster.size() <= kMaxClusterName);
  KITH_CHECK(options.membership.name.size() <= kMaxName && options.zone.size() <= kMaxZone);
  KITH_CHECK(options.weight >= 1 && options.weight <= placement::kMaxWeight);
  KITH_CHECK(options.link.min <= options.link.max);
  membership_.set_user_state(
      encode(UserState{options.cluster, options.membership.name, own_.boot}));
}

Options Cluster::membership_options(const ClusterOptions& options) {
  Options changed = options.membership;
  changed.meta = encode(own_);
  changed.admit = [this](const Alive& claim) { return admit(claim); };
  return changed;
}

bool Cluster::admit(const Alive& claim) {
  const auto& asked = options_.membership.admit;
  if (asked && !asked(claim)) return false;
  const auto cluster = cluster_of(claim.meta);
  if (!cluster || *cluster == own_.cluster) return true;
  if (known_foreigners_.size() < kMaxForeigners && known_foreigners_.insert(claim.node).second) {
    refused_.push_back({Warning::Kind::foreign_cluster, claim.node, address_of(claim)});
  }
  return false;
}

// ---- The operator's side

void Cluster::on_seeds(std::span<const Address> seeds, TimePoint now, ClusterActions& out) {
  seeds_.set(seeds, membership_.members(), now);
  contact_seeds(now, out);
  relay(now, out);
}

Result<void> Cluster::open_cache(CacheId cache, TimePoint now, ClusterActions& out) {
  if (caches_.contains(cache)) return {};
  if (caches_.size() >= kMaxCaches) {
    return fail(ErrorCode::resource_exhausted, "a node opens at most 4096 caches");
  }
  caches_.insert(cache);
  topics_.open(cache);
  topics_.touch_own(now);
  announce();
  relay(now, out);
  return {};
}

void Cluster::close_cache(CacheId cache, TimePoint now, ClusterActions& out) {
  if (caches_.erase(cache) == 0) return;
  topics_.close(cache);
  announce();
  relay(now, out);
}

void Cluster::set_phase(Phase phase, TimePoint now, ClusterActions& out) {
  if (own_.phase == phase) return;
  own_.phase = phase;
  topics_.touch_own(now);
  announce();
  relay(now, out);
}

void Cluster::announce() {
  own_.caches.assign(caches_.begin(), caches_.end());
  own_.more_caches.reset();
  if (own_.caches.size() > kMaxInlineCaches) {
    own_.more_caches = digest_of(own_.caches);
    own_.caches.clear();
  }
  KITH_CHECK(membership_.set_meta(encode(own_)));
}

void Cluster::on_process_gone(std::string_view, BootId, TimePoint, ClusterActions&) {}

void Cluster::leave(TimePoint now, Duration patience, ClusterActions& out) {
  membership_.leave(now, patience, asked_);
  topics_.touch_own(now);
  relay(now, out);
}

// ---- The others' side

void Cluster::on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                        ClusterActions& out) {
  membership_.on_packet(source, messages, now, asked_);
  relay(now, out);
}

void Cluster::on_caller(CallerId caller, const StreamMessage& request, TimePoint now,
                        ClusterActions& out) {
  if (foreign(request, {}, out)) {
    out.push_back(RefuseCaller{caller});
    return;
  }
  membership_.on_caller(caller, request, now, asked_);
  relay(now, out);
}

void Cluster::on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now,
                              ClusterActions& out) {
  if (const auto knock = knocks_.find(stream); knock != knocks_.end()) {
    const Contact contact = knock->second;
    knocks_.erase(knock);
    join(contact, now);
    relay(now, out);
    return;
  }
  const auto exchange = exchanges_.find(stream);
  const Address from = exchange != exchanges_.end() ? exchange->second : Address{};
  if (exchange != exchanges_.end()) exchanges_.erase(exchange);
  const PushPull* remote = std::get_if<PushPull>(&reply);
  const auto state = remote ? decode_user_state(remote->user_state) : std::nullopt;
  const bool self = state && state->name == options_.membership.name && state->boot == own_.boot;
  if (self) seeds_.on_self(from);
  if (self || foreign(reply, from, out)) {
    membership_.on_stream_failed(stream, asked_);
  } else {
    membership_.on_stream_reply(stream, reply, now, asked_);
  }
  relay(now, out);
}

void Cluster::on_stream_failed(StreamId stream, TimePoint now, ClusterActions& out) {
  if (const auto knock = knocks_.find(stream); knock != knocks_.end()) {
    const Contact contact = knock->second;
    knocks_.erase(knock);
    on_contact_ended(contact, false, now);
  }
  exchanges_.erase(stream);
  membership_.on_stream_failed(stream, asked_);
  relay(now, out);
}

bool Cluster::foreign(const StreamMessage& message, const Address& from, ClusterActions& out) {
  const PushPull* remote = std::get_if<PushPull>(&message);
  if (remote == nullptr) return false;
  const auto state = decode_user_state(remote->user_state);
  if (!state || state->cluster == options_.cluster) return false;
  if (known_foreigners_.size() < kMaxForeigners && known_foreigners_.insert(state->name).second) {
    out.push_back(Warning{Warning::Kind::foreign_cluster, state->name, from, {}, state->cluster});
  }
  return true;
}

// ---- What the membership asks and tells

void Cluster::relay(TimePoint now, ClusterActions& out) {
  joined_now_ = 0;
  // What is handled may cause more.
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    Action action = std::move(asked_[i]);
    std::visit([&](auto& one) { handle(one, now, out); }, action);
  }
  asked_.clear();
  for (Warning& refused : refused_) out.push_back(std::move(refused));
  refused_.clear();
  publish_if_due(now, out);
}

void Cluster::handle(SendPacket& send, TimePoint, ClusterActions& out) {
  out.push_back(std::move(send));
}

void Cluster::handle(OpenStream& open, TimePoint, ClusterActions& out) {
  if (std::holds_alternative<PushPull>(open.request)) exchanges_[open.stream] = open.to;
  out.push_back(std::move(open));
}

void Cluster::handle(ReplyToCaller& reply, TimePoint, ClusterActions& out) {
  out.push_back(std::move(reply));
}

void Cluster::handle(RefuseCaller& refuse, TimePoint, ClusterActions& out) {
  out.push_back(refuse);
}

void Cluster::handle(LeaveEnded& ended, TimePoint, ClusterActions& out) { out.push_back(ended); }

void Cluster::handle(MemberEvent& event, TimePoint now, ClusterActions& out) {
  using Kind = MemberEvent::Kind;
  if (event.kind == Kind::joined || event.kind == Kind::updated) on_joined(event, now);
  if (event.kind == Kind::failed || event.kind == Kind::left) on_gone(event, now);
  out.push_back(PeerEvent{kind_of(event.kind), std::move(event.name), std::move(event.address),
                          decode_node_data(event.meta)});
}

void Cluster::on_joined(const MemberEvent& event, TimePoint now) {
  if (event.kind == MemberEvent::Kind::joined) {
    ++others_;
    ++joined_now_;
  }
  seeds_.on_member(event.name, event.address);
  topics_.touch(now);
}

void Cluster::on_gone(const MemberEvent& event, TimePoint now) {
  --others_;
  seeds_.on_member_gone(event.name);
  if (alone()) seeds_.on_alone(now);
  if (event.kind == MemberEvent::Kind::failed) {
    topics_.touch_failed(now);
  } else {
    topics_.touch(now);
  }
}

void Cluster::handle(NameConflict& conflict, TimePoint, ClusterActions& out) {
  out.push_back(Warning{Warning::Kind::name_conflict, std::move(conflict.name),
                        std::move(conflict.known), std::move(conflict.claimed)});
}

void Cluster::handle(PacketsUnanswered&, TimePoint, ClusterActions&) {}

void Cluster::handle(Incompatible&, TimePoint, ClusterActions& out) {
  out.push_back(Warning{Warning::Kind::incompatible});
}

void Cluster::handle(UserReceived&, TimePoint, ClusterActions&) {}

void Cluster::handle(UserStateReceived&, TimePoint, ClusterActions&) {}

void Cluster::handle(JoinEnded& ended, TimePoint now, ClusterActions&) {
  const auto join = joins_.find(ended.join);
  if (join == joins_.end()) return;
  const Contact contact = join->second;
  joins_.erase(join);
  on_contact_ended(contact, ended.reached > 0, now);
}

// ---- Finding the others

void Cluster::contact_seeds(TimePoint now, ClusterActions& out) {
  for (const Address& address : seeds_.due(alone(), now)) {
    const Contact contact{Contact::Why::seed, address};
    // To exchange everything takes little while there is nobody to tell of.
    if (alone()) {
      join(contact, now);
    } else {
      knock(contact, now, out);
    }
  }
}

void Cluster::knock(const Contact& contact, TimePoint now, ClusterActions& out) {
  const StreamId stream{kOwnStream | ++last_knock_};
  knocks_.emplace(stream, contact);
  out.push_back(OpenStream{stream, contact.address, Ping{1, ""}, now + kKnockTimeout});
}

void Cluster::join(const Contact& contact, TimePoint now) {
  const JoinId join = membership_.join(std::span(&contact.address, 1), now, asked_);
  joins_.emplace(join, contact);
}

void Cluster::on_contact_ended(const Contact& contact, bool reached, TimePoint now) {
  if (reached) {
    seeds_.on_reached(contact.address, joined_now_ > 0, now);
  } else {
    seeds_.on_failed(contact.address, alone(), now);
  }
}

// ---- Who owns keys

std::vector<Owner> Cluster::owners() const {
  std::vector<Owner> owners;
  membership_.members().for_each([&](const Member& member) {
    if (member.gone()) return;
    auto data = decode_node_data(member.meta);
    if (!data || data->phase != Phase::ready || data->cluster != own_.cluster) return;
    owners.push_back({{member.name, data->weight, std::move(data->zone)}, std::move(data->caches)});
  });
  return owners;
}

void Cluster::publish_if_due(TimePoint now, ClusterActions& out) {
  if (topics_.due(now, false)) topics_.publish(owners(), out);
}

std::vector<placement::Member> Cluster::participants(CacheId cache) const {
  return owners_of(cache, owners());
}

std::vector<PeerInfo> Cluster::peers() const {
  using Health = PeerInfo::Health;
  std::vector<PeerInfo> peers;
  membership_.members().for_each([&](const Member& member) {
    Health health = Health::ok;
    if (member.state == State::suspect) health = Health::suspected;
    if (member.state == State::dead) health = Health::failed;
    if (member.state == State::left) health = Health::left;
    peers.push_back({member.name, member.address, health, decode_node_data(member.meta)});
  });
  return peers;
}

// ---- Time

void Cluster::on_deadline(TimePoint now, ClusterActions& out) {
  if (membership_.next_deadline() <= now) membership_.on_deadline(now, asked_);
  relay(now, out);
  contact_seeds(now, out);
  relay(now, out);
}

TimePoint Cluster::next_deadline() const {
  TimePoint next = membership_.next_deadline();
  if (const auto due = seeds_.next_deadline()) next = std::min(next, *due);
  if (const auto due = topics_.next_deadline(false)) next = std::min(next, *due);
  return next;
}

}  // namespace kith::membership
