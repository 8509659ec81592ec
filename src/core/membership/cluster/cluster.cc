// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/cluster.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <variant>

#include "base/check.h"
#include "core/membership/cluster/direct_packet.h"
#include "core/membership/cluster/user_state.h"

namespace kith::membership {
namespace {

/// Sets this node's random choices apart from the membership's.
constexpr std::uint64_t kSeedSalt = 0x636c7573746572;
/// Set in the numbers of streams and pings that are not the membership's.
constexpr std::uint64_t kOwnStream = std::uint64_t{1} << 63;
/// Whether anybody is at an address.
constexpr Duration kKnockTimeout = std::chrono::seconds(3);
/// A long list of caches is told once for all that are opened within it.
constexpr Duration kTellList = std::chrono::milliseconds(200);
/// A longer list is not sent to everybody, but to those who ask, by whoever has it.
constexpr std::size_t kMostPartsSpread = 8;
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
      seeds_(rng_),
      graves_(rng_),
      evidence_(options.membership, membership_, rng_),
      catalog_(rng_),
      silent_(options.membership.profile.probe_interval, rng_) {
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

void Cluster::recall(std::span<const NodeState> nodes, TimePoint now, ClusterActions& out) {
  membership_.recall(nodes, now, asked_);
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
  announce(now);
  relay(now, out);
  return {};
}

void Cluster::close_cache(CacheId cache, TimePoint now, ClusterActions& out) {
  if (caches_.erase(cache) == 0) return;
  topics_.close(cache);
  announce(now);
  relay(now, out);
}

void Cluster::set_phase(Phase phase, TimePoint now, ClusterActions& out) {
  if (own_.phase == phase) return;
  own_.phase = phase;
  topics_.touch_own(now);
  announce(now);
  relay(now, out);
}

void Cluster::announce(TimePoint now) {
  if (caches_.size() <= kMaxInlineCaches) {
    own_.caches.assign(caches_.begin(), caches_.end());
    own_.all_caches.reset();
    catalog_.set_own(std::nullopt, {});
    tell_list_at_.reset();
    user_state_changed_ = true;
  } else {
    // Those that were told stay, so that nobody has to wait for the list to know of them.
    std::set<CacheId> told;
    for (const CacheId cache : own_.caches) {
      if (caches_.contains(cache)) told.insert(cache);
    }
    for (auto more = caches_.begin(); told.size() < kMaxInlineCaches; ++more) told.insert(*more);
    own_.caches.assign(told.begin(), told.end());
    if (!tell_list_at_) tell_list_at_ = now + kTellList;
  }
  std::string meta = encode(own_);
  if (meta == membership_.members().self().meta) return;
  KITH_CHECK(membership_.set_meta(std::move(meta)));
}

void Cluster::tell_list(TimePoint now) {
  if (!tell_list_at_ || *tell_list_at_ > now) return;
  const std::vector<CacheId> list(caches_.begin(), caches_.end());
  own_.all_caches = digest_of(list);
  catalog_.set_own(own_.all_caches, list);
  user_state_changed_ = true;
  announce(now);
  tell_list_at_.reset();
  auto parts = parts_of(*own_.all_caches, list);
  if (parts.size() > kMostPartsSpread) return;
  for (CacheListPart& part : parts) {
    part.pass_on = true;
    static_cast<void>(membership_.spread(encode(part)));
  }
}

void Cluster::on_process_gone(std::string_view name, BootId boot, TimePoint now,
                              ClusterActions& out) {
  evidence_.on_process_gone(name, boot, now, asked_);
  relay(now, out);
}

void Cluster::leave(TimePoint now, Duration patience, ClusterActions& out) {
  membership_.leave(now, patience, asked_);
  topics_.touch_own(now);
  relay(now, out);
}

// ---- The others' side

void Cluster::on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                        ClusterActions& out) {
  for (const Message& message : messages) {
    if (const Ack* ack = std::get_if<Ack>(&message)) evidence_.on_ack(*ack);
  }
  membership_.on_packet(source, messages, now, asked_);
  relay(now, out);
}

void Cluster::on_caller(CallerId caller, const StreamMessage& request, TimePoint now,
                        ClusterActions& out) {
  if (const PushPull* remote = std::get_if<PushPull>(&request)) {
    const auto state = decode_user_state(remote->user_state);
    if (state && foreign(*state, {}, out)) {
      out.push_back(RefuseCaller{caller});
      return;
    }
    refresh_user_state(now);
  }
  membership_.on_caller(caller, request, now, asked_);
  relay(now, out);
}

void Cluster::on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now,
                              ClusterActions& out) {
  if (const auto knock = knocks_.find(stream); knock != knocks_.end()) {
    const Contact contact = std::move(knock->second);
    knocks_.erase(knock);
    join(contact, now);
    relay(now, out);
    return;
  }
  Address from;
  if (const auto exchange = exchanges_.find(stream); exchange != exchanges_.end()) {
    from = std::move(exchange->second);
    exchanges_.erase(exchange);
  }
  const PushPull* remote = std::get_if<PushPull>(&reply);
  const auto state = remote ? decode_user_state(remote->user_state) : std::nullopt;
  const bool self = state && state->name == options_.membership.name && state->boot == own_.boot;
  if (self) seeds_.on_self(from);
  if (self || (state && foreign(*state, from, out))) {
    membership_.on_stream_failed(stream, asked_);
  } else {
    membership_.on_stream_reply(stream, reply, now, asked_);
  }
  relay(now, out);
}

void Cluster::on_stream_failed(StreamId stream, TimePoint now, ClusterActions& out) {
  if (const auto knock = knocks_.find(stream); knock != knocks_.end()) {
    const Contact contact = std::move(knock->second);
    knocks_.erase(knock);
    on_contact_ended(contact, false, now);
  }
  exchanges_.erase(stream);
  membership_.on_stream_failed(stream, asked_);
  relay(now, out);
}

bool Cluster::foreign(const UserState& state, const Address& from, ClusterActions& out) {
  if (state.cluster == options_.cluster) return false;
  if (known_foreigners_.size() < kMaxForeigners && known_foreigners_.insert(state.name).second) {
    out.push_back(Warning{Warning::Kind::foreign_cluster, state.name, from, {}, state.cluster});
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
  for (const std::string& name : evidence_.take_unreachable()) {
    tell(PeerEvent::Kind::unreachable, name, out);
  }
  const std::uint32_t incarnation = membership_.members().self().incarnation;
  if (std::exchange(own_incarnation_, incarnation) != incarnation) silent_.on_news();
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
  silent_.on_news();
  const auto data = decode_node_data(event.meta);
  bool reachable = false;
  switch (event.kind) {
    case Kind::joined:
      ++others_;
      ++joined_now_;
      on_joined(event, data, now, out);
      break;
    case Kind::updated: {
      on_joined(event, data, now, out);
      const auto* doubt = evidence_.doubts().find(event.name);
      const bool reborn =
          doubt != nullptr && !doubt->observers.empty() && data && data->boot != doubt->boot;
      if (reborn) reachable = evidence_.on_doubt_over(event.name);
      break;
    }
    case Kind::suspected:
      evidence_.on_suspected(event, now, asked_);
      break;
    case Kind::cleared:
      reachable = evidence_.on_doubt_over(event.name);
      break;
    case Kind::failed:
    case Kind::left:
      on_gone(event, now);
      break;
  }
  out.push_back(PeerEvent{kind_of(event.kind), event.name, event.address, data});
  if (reachable) {
    out.push_back(PeerEvent{PeerEvent::Kind::reachable, event.name, event.address, data});
  }
}

void Cluster::on_joined(const MemberEvent& event, const std::optional<NodeData>& data,
                        TimePoint now, ClusterActions& out) {
  seeds_.on_member(event.name, event.address);
  catalog_.on_member(event.name, data ? data->all_caches : std::nullopt, now);
  topics_.touch(now);
  if (graves_.on_over(event.name) && damping_.on_returned(event.name, now)) {
    set_out(event.name, now, out);
  }
}

void Cluster::on_gone(const MemberEvent& event, TimePoint now) {
  --others_;
  evidence_.on_doubt_over(event.name);
  seeds_.on_member_gone(event.name);
  if (alone()) seeds_.on_alone(now);
  catalog_.on_member(event.name, std::nullopt, now);
  silent_.on_gone(event.name);
  if (event.kind == MemberEvent::Kind::failed) {
    graves_.on_failed(event.name, event.address, now);
    topics_.touch_failed(now);
  } else {
    graves_.on_over(event.name);
    topics_.touch(now);
  }
}

void Cluster::send(const Address& to, const Notice& notice, ClusterActions& out) const {
  auto packet = direct_packet(options_.membership, to, {User{encode(notice)}});
  if (packet) out.push_back(std::move(*packet));
}

void Cluster::set_out(const std::string& name, TimePoint now, ClusterActions& out) {
  const auto penalty = static_cast<std::uint16_t>(damping_.penalty(name, now));
  static_cast<void>(membership_.spread(encode(Flapping{name, penalty})));
  user_state_changed_ = true;
  topics_.touch(now);
  out.push_back(Warning{Warning::Kind::member_flaps, name});
}

void Cluster::tell(PeerEvent::Kind kind, std::string_view name, ClusterActions& out) const {
  const Member* member = membership_.members().find(name);
  if (member == nullptr) return;
  out.push_back(PeerEvent{kind, member->name, member->address, decode_node_data(member->meta)});
}

void Cluster::handle(ProbeFailed& failed, TimePoint now, ClusterActions&) {
  evidence_.on_probe_failed(failed, now, asked_);
}

void Cluster::handle(NameConflict& conflict, TimePoint, ClusterActions& out) {
  out.push_back(Warning{Warning::Kind::name_conflict, std::move(conflict.name),
                        std::move(conflict.known), std::move(conflict.claimed)});
}

void Cluster::handle(PacketsUnanswered& unanswered, TimePoint now, ClusterActions& out) {
  auto warning = silent_.on_unanswered(unanswered.name, unanswered.address, others_, now);
  if (warning) out.push_back(std::move(*warning));
}

void Cluster::handle(Incompatible&, TimePoint, ClusterActions& out) {
  out.push_back(Warning{Warning::Kind::incompatible});
}

void Cluster::handle(UserReceived& user, TimePoint now, ClusterActions& out) {
  const auto notice = decode_notice(user.payload);
  if (!notice) return;
  std::visit([&](const auto& content) { on_notice(content, now, out); }, *notice);
}

void Cluster::on_notice(const ProcessGone& gone, TimePoint now, ClusterActions&) {
  evidence_.on_notice(gone, now, asked_);
}

void Cluster::on_notice(const Accused& accused, TimePoint now, ClusterActions&) {
  evidence_.on_notice(accused, now, asked_);
}

void Cluster::on_notice(const Flapping& flapping, TimePoint now, ClusterActions& out) {
  const Member* member = membership_.members().find(flapping.name);
  if (member == nullptr || !cluster_of(member->meta)) return;
  if (damping_.on_told(flapping.name, flapping.penalty, now)) set_out(flapping.name, now, out);
}

void Cluster::on_notice(const CacheListWanted& wanted, TimePoint now, ClusterActions& out) {
  const Members& members = membership_.members();
  const Member* asker = members.find(wanted.asker);
  const auto* list = catalog_.find(wanted.digest);
  if (list == nullptr || asker == nullptr || asker->gone() || members.is_self(wanted.asker)) return;
  for (const CacheListPart& part : parts_of(wanted.digest, *list)) {
    // He asks again for what is missing.
    if (!parts_allowance_.take(now)) return;
    send(asker->address, part, out);
  }
}

void Cluster::on_notice(const CacheListPart& part, TimePoint now, ClusterActions&) {
  bool complete = false;
  if (!catalog_.on_part(part, complete)) return;
  if (part.pass_on) static_cast<void>(membership_.spread(encode(part)));
  if (!complete) return;
  user_state_changed_ = true;
  topics_.touch(now);
}

void Cluster::handle(UserStateReceived& user, TimePoint now, ClusterActions& out) {
  const auto state = decode_user_state(user.state);
  if (!state) return;
  for (const auto& list : state->lists) {
    if (!catalog_.on_list(list)) continue;
    user_state_changed_ = true;
    topics_.touch(now);
  }
  for (const Flapping& flapping : state->flapping) on_notice(flapping, now, out);
}

void Cluster::handle(JoinEnded& ended, TimePoint now, ClusterActions&) {
  const auto join = joins_.find(ended.join);
  if (join == joins_.end()) return;
  const Contact contact = std::move(join->second);
  joins_.erase(join);
  on_contact_ended(contact, ended.reached > 0, now);
}

// ---- Finding the others

void Cluster::contact_seeds(TimePoint now, ClusterActions& out) {
  if (membership_.leaving()) return;
  for (const Address& address : seeds_.due(alone(), now)) {
    const Contact contact{address};
    // To exchange everything takes little while there is nobody to tell of.
    if (alone()) {
      join(contact, now);
    } else {
      knock(contact, now, out);
    }
  }
}

void Cluster::contact_grave(TimePoint now, ClusterActions& out) {
  if (membership_.leaving()) return;
  const auto grave = graves_.due(now);
  if (grave) knock({grave->second, grave->first}, now, out);
}

void Cluster::knock(const Contact& contact, TimePoint now, ClusterActions& out) {
  const StreamId stream{kOwnStream | ++last_knock_};
  knocks_.emplace(stream, contact);
  out.push_back(OpenStream{stream, contact.address, Ping{1, contact.name}, now + kKnockTimeout});
}

void Cluster::join(const Contact& contact, TimePoint now) {
  if (!contact.name.empty() && !graves_.contains(contact.name)) return;
  refresh_user_state(now);
  const JoinId join = membership_.join(std::span(&contact.address, 1), now, asked_);
  joins_.emplace(join, contact);
}

void Cluster::on_contact_ended(const Contact& contact, bool reached, TimePoint now) {
  if (!contact.name.empty()) {
    if (reached) graves_.on_reached(contact.name, now);
  } else if (reached) {
    seeds_.on_reached(contact.address, joined_now_ > 0, now);
  } else {
    seeds_.on_failed(contact.address, alone(), now);
  }
}

void Cluster::exchange_with_silent(TimePoint now) {
  for (const Address& address : silent_.due(others_, now)) {
    membership_.exchange(address, now, asked_);
  }
}

void Cluster::ask_for_lists(TimePoint now, ClusterActions& out) {
  const Members& members = membership_.members();
  for (const auto& [holder, digest] : catalog_.due(now)) {
    const Member* asked = members.find(holder);
    // Many may want it, and others have it by now.
    if (rng_.chance(0.5)) {
      const auto chosen = members.choose(1, rng_, [&](const Member& member) {
        return member.state == State::alive && !members.is_self(member.name) &&
               cluster_of(member.meta);
      });
      if (!chosen.empty()) asked = chosen[0];
    }
    if (asked == nullptr || asked->gone()) continue;
    send(asked->address, CacheListWanted{digest, options_.membership.name}, out);
  }
}

void Cluster::refresh_user_state(TimePoint now) {
  // Penalties fall all the time.
  if (!user_state_changed_ && damping_.out_count() == 0) return;
  user_state_changed_ = false;
  UserState state{options_.cluster, options_.membership.name, own_.boot};
  for (const auto* list : catalog_.all()) state.lists.push_back(*list);
  state.flapping = damping_.all_out(now);
  membership_.set_user_state(encode(state));
}

// ---- Who owns keys

Owner Cluster::owner(const Member& member, NodeData data) const {
  Owner owner{{member.name, data.weight, std::move(data.zone)}, std::move(data.caches)};
  if (membership_.members().is_self(member.name)) {
    owner.inline_caches.assign(caches_.begin(), caches_.end());
    return owner;
  }
  const auto* list = data.all_caches ? catalog_.shown(member.name) : nullptr;
  if (list == nullptr) return owner;
  if (std::ranges::includes(*list, owner.inline_caches)) {
    owner.list = list;
  } else {  // A former list.
    std::vector<CacheId> all;
    std::ranges::set_union(*list, owner.inline_caches, std::back_inserter(all));
    owner.inline_caches = std::move(all);
  }
  return owner;
}

std::vector<Owner> Cluster::owners() const {
  std::vector<Owner> owners;
  std::size_t out = 0;
  membership_.members().for_each([&](const Member& member) {
    if (member.gone()) return;
    auto data = decode_node_data(member.meta);
    if (!data || data->phase != Phase::ready || data->cluster != own_.cluster) return;
    if (damping_.out(member.name)) ++out;
    owners.push_back(owner(member, std::move(*data)));
  });
  std::ranges::sort(
      owners, {}, [](const Owner& one) -> const auto& { return one.member.name; });
  // If most flap it is rather the network, or this node, that comes and goes.
  if (out > 0 && 2 * out < owners.size()) {
    std::erase_if(owners, [&](const Owner& one) { return damping_.out(one.member.name); });
  }
  return owners;
}

void Cluster::publish_if_due(TimePoint now, ClusterActions& out) {
  if (topics_.due(now, failing())) topics_.publish(owners(), out);
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
    if (evidence_.doubts().unreachable(member.name)) health = Health::unreachable;
    if (member.state == State::dead) health = Health::failed;
    if (member.state == State::left) health = Health::left;
    peers.push_back({member.name, member.address, health, decode_node_data(member.meta)});
  });
  std::ranges::sort(peers, {}, &PeerInfo::name);
  return peers;
}

// ---- Time

void Cluster::on_deadline(TimePoint now, ClusterActions& out) {
  tell_list(now);
  refresh_user_state(now);
  if (membership_.next_deadline() <= now) membership_.on_deadline(now, asked_);
  evidence_.on_deadline(now, asked_);
  if (damping_.on_deadline(now)) topics_.touch(now);
  exchange_with_silent(now);
  relay(now, out);
  contact_seeds(now, out);
  contact_grave(now, out);
  ask_for_lists(now, out);
  relay(now, out);
}

TimePoint Cluster::next_deadline() const {
  TimePoint next = membership_.next_deadline();
  for (const auto& due :
       {seeds_.next_deadline(), graves_.next_deadline(), evidence_.next_deadline(),
        catalog_.next_deadline(), damping_.next_deadline(), silent_.next_deadline(),
        topics_.next_deadline(failing()), tell_list_at_}) {
    if (due) next = std::min(next, *due);
  }
  return next;
}

}  // namespace kith::membership
