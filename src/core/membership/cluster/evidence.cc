// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/evidence.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/membership/cluster/direct_packet.h"
#include "core/membership/cluster/node_data.h"

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

/// A witness has this long to get an answer, or a probe's timeout where that is longer.
constexpr Duration kWitnessSpan = 500ms;
/// A node in doubt of its own health takes up to so many times the span.
constexpr int kMostPatience = 3;
/// After a stall of this node everybody gets the stall's length, at most this, to be heard.
constexpr Duration kMostForgiven = 1s;

/// Told directly of a process that is gone, besides gossip.
constexpr std::size_t kToldAtOnce = 4;
/// Tells the witnesses of a gone process from those of an incarnation.
constexpr std::uint64_t kGoneSalt = std::uint64_t{1} << 63;

/// What a notice is about: a later one tells all that an earlier one did.
constexpr std::string_view kAccused = "accused ";
constexpr std::string_view kGone = "gone ";
std::string about(std::string_view kind, std::string_view name) {
  return std::string(kind).append(name);
}

}  // namespace

const Member* Evidence::living(std::string_view name) const {
  const Member* member = membership_.members().find(name);
  return member == nullptr || member->gone() ? nullptr : member;
}

const Member* Evidence::living_kith(std::string_view name) const {
  const Member* member = living(name);
  return member == nullptr || !cluster_of(member->meta) ? nullptr : member;
}

// ---- Processes that are gone

void Evidence::on_process_gone(std::string_view name, BootId boot, TimePoint now, Actions& asked) {
  const Members& members = membership_.members();
  const Member* member = living_kith(name);
  if (member == nullptr || members.is_self(name)) return;
  const auto data = decode_node_data(member->meta);
  if (!data || data->boot != boot) return;
  const auto* doubt = doubts_.observe_gone(name, boot, options_.name, now);
  if (doubt == nullptr) return;
  const ProcessGone gone{member->name, boot, member->incarnation, doubt->observers};
  spread(kGone, gone.name, gone);
  // Where all observers turn to the same few, these hear of a second one at once.
  const std::string payload = encode(gone);
  for (const Member* witness : witnesses_of(members, name, boot.value | kGoneSalt)) {
    if (!members.is_self(witness->name)) send(witness->address, {User{payload}}, asked);
  }
  weigh(member->name, now, asked);
}

void Evidence::on_notice(const ProcessGone& gone, TimePoint now, Actions& asked) {
  const Members& members = membership_.members();
  const Member* member = living_kith(gone.name);
  if (member == nullptr || members.is_self(gone.name)) return;
  if (gone.incarnation != member->incarnation) return;
  const auto data = decode_node_data(member->meta);
  if (!data || data->boot != gone.boot) return;
  const Doubts::Doubt* grown = nullptr;
  for (const std::string& observer : gone.observers) {
    if (observer == gone.name || members.is_self(observer) || !living_kith(observer)) continue;
    const auto* known = doubts_.find(gone.name);
    const bool same = known != nullptr && known->boot == gone.boot;
    if (same && known->observers.size() >= Doubts::kObservers) break;
    if (same && std::ranges::find(known->observers, observer) != known->observers.end()) continue;
    if (!allowance_.take(now)) break;
    const auto* doubt = doubts_.observe_gone(gone.name, gone.boot, observer, now);
    if (doubt != nullptr) grown = doubt;
  }
  if (grown == nullptr) return;
  const ProcessGone merged{gone.name, gone.boot, gone.incarnation, grown->observers};
  spread(kGone, merged.name, merged);
  weigh(gone.name, now, asked);
  if (!doubts_.unreachable(gone.name)) return;
  // Gossip at once leaves out one in fifty, who would have to wait for its next tick.
  const std::string payload = encode(merged);
  const auto others = members.choose(kToldAtOnce, rng_, [&](const Member& other) {
    return other.state == State::alive && !members.is_self(other.name) && cluster_of(other.meta);
  });
  for (const Member* other : others) send(other->address, {User{payload}}, asked);
}

// ---- Suspects

void Evidence::on_probe_failed(const ProbeFailed& failed, TimePoint now, Actions& asked) {
  const Members& members = membership_.members();
  const Member* member = living_kith(failed.name);
  if (member == nullptr) return;
  accuse(*member, failed.incarnation, options_.name, now, asked);
  const auto* doubt = doubts_.find(failed.name);
  if (doubt == nullptr || doubt->unreachable || doubt->incarnation != failed.incarnation) return;
  const std::string payload = encode(Accused{failed.name, failed.incarnation, doubt->accusers});
  for (const Member* witness : witnesses_of(members, failed.name, failed.incarnation)) {
    if (members.is_self(witness->name)) continue;
    send(witness->address, {Suspect{failed.incarnation, failed.name, options_.name}, User{payload}},
         asked);
  }
}

void Evidence::on_suspected(const MemberEvent& event, TimePoint now, Actions& asked) {
  const Members& members = membership_.members();
  const Member* member = living_kith(event.name);
  if (member == nullptr || membership_.leaving()) return;
  const auto* doubt = doubts_.find(event.name);
  // This node has just found out itself.
  if (doubt != nullptr &&
      std::ranges::find(doubt->accusers, options_.name) != doubt->accusers.end())
    return;
  if (!is_witness(members, event.name, event.incarnation)) return;
  const auto* probe = probes_.begin(*member, event.incarnation, now, patience());
  if (probe != nullptr) ping(*probe, asked);
}

void Evidence::on_notice(const Accused& accused, TimePoint now, Actions& asked) {
  const Members& members = membership_.members();
  if (members.is_self(accused.name)) {
    // To be refuted. The membership ignores what is out of date.
    if (accused.accusers.empty() || !living_kith(accused.accusers[0]) || !allowance_.take(now))
      return;
    claim(Suspect{accused.incarnation, accused.name, accused.accusers[0]}, now, asked);
    return;
  }
  const Member* member = living_kith(accused.name);
  if (member == nullptr || accused.incarnation != member->incarnation) return;
  for (const std::string& accuser : accused.accusers) {
    if (accuser == accused.name || members.is_self(accuser) || !living_kith(accuser)) continue;
    const auto* known = doubts_.find(accused.name);
    const bool told = known != nullptr && known->incarnation == accused.incarnation &&
                      (known->accusers.size() >= Doubts::kAccusers ||
                       std::ranges::find(known->accusers, accuser) != known->accusers.end());
    if (told) continue;
    if (!allowance_.take(now)) return;
    accuse(*member, accused.incarnation, accuser, now, asked);
  }
}

void Evidence::accuse(const Member& member, std::uint32_t incarnation, std::string_view accuser,
                      TimePoint now, Actions& asked) {
  const auto* doubt = doubts_.accuse(member.name, incarnation, accuser);
  if (doubt == nullptr) return;
  spread(kAccused, member.name, Accused{member.name, incarnation, doubt->accusers});
  claim(Suspect{incarnation, member.name, std::string(accuser)}, now, asked);
  weigh(member.name, now, asked);
}

void Evidence::weigh(const std::string& name, TimePoint now, Actions& asked) {
  if (!doubts_.became_unreachable(name)) return;
  became_unreachable_.push_back(name);
  // From now on it is a suspect for all, so that a refutation puts an end to it.
  const Member* member = living(name);
  claim(Suspect{member->incarnation, name, options_.name}, now, asked);
  const auto* doubt = doubts_.find(name);
  if (doubt->observers.size() < Doubts::kObservers) return;
  if (!is_witness(membership_.members(), name, doubt->boot.value | kGoneSalt)) return;
  const auto* probe = probes_.begin(*member, member->incarnation, now, Doubts::kLastChance);
  if (probe != nullptr) ping(*probe, asked);
}

bool Evidence::on_doubt_over(std::string_view name) {
  probes_.end(name);
  // It would only cost others' packets.
  membership_.stop_spreading(about(kAccused, name));
  membership_.stop_spreading(about(kGone, name));
  const bool was = doubts_.end(name);
  // Nobody has been told yet.
  const bool untold = std::erase(became_unreachable_, name) > 0;
  return was && !untold;
}

// ---- Telling

void Evidence::claim(Message claim, TimePoint now, Actions& asked) {
  membership_.on_packet(options_.address, std::span(&claim, 1), now, asked);
}

void Evidence::spread(std::string_view kind, const std::string& name, const Notice& notice) {
  // Names that are too long together for a packet are told by nobody: memberlist's own claims are
  // enough for such a pool.
  static_cast<void>(membership_.spread(encode(notice), about(kind, name)));
}

void Evidence::send(const Address& to, std::vector<Message> messages, Actions& asked) const {
  auto packet = direct_packet(options_, to, std::move(messages));
  if (packet) asked.push_back(std::move(*packet));
}

void Evidence::ping(const WitnessProbes::Probe& probe, Actions& asked) const {
  // What it is suspected of comes first, so that the answer brings the refutation along.
  send(probe.address,
       {Suspect{probe.incarnation, probe.name, options_.name},
        Ping{probe.seq_no, probe.name, options_.address.ip, options_.address.port, options_.name}},
       asked);
}

Duration Evidence::patience() const {
  return std::max(kWitnessSpan, options_.profile.probe_timeout) *
         std::min(1 + membership_.health_score(), kMostPatience);
}

// ---- Time

void Evidence::on_deadline(TimePoint now, Actions& asked) {
  const auto next = next_deadline();
  if (!next || *next > now) return;
  if (const Duration late = now - *next; late > options_.own_stall) {
    // The answers may be among what this node has not read yet.
    probes_.postpone(now + std::min(late, kMostForgiven));
    doubts_.postpone(now + std::min(late, kMostForgiven));
  }
  const auto due = probes_.on_deadline(now);
  for (const auto& probe : due.again) ping(probe, asked);
  for (const auto& probe : due.failed) {
    const Member* member = living_kith(probe.name);
    const bool suspect = member != nullptr && member->state == State::suspect;
    if (suspect && member->incarnation <= probe.incarnation) {
      accuse(*member, probe.incarnation, options_.name, now, asked);
    }
  }
  for (const std::string& name : doubts_.on_deadline(now)) {
    const Member* member = living(name);
    if (member == nullptr) continue;
    claim(Dead{member->incarnation, name, options_.name}, now, asked);
  }
}

std::optional<TimePoint> Evidence::next_deadline() const {
  const auto probe = probes_.next_deadline();
  const auto doubt = doubts_.next_deadline();
  if (!probe || !doubt) return probe ? probe : doubt;
  return std::min(*probe, *doubt);
}

}  // namespace kith::membership
