// SPDX-License-Identifier: Apache-2.0
#include "core/membership/prober.h"

#include <algorithm>
#include <utility>

#include "core/membership/versions.h"

namespace kith::membership {

Prober::Prober(const Options& options, Members& members, Outbox& outbox, Streams& streams,
               Sequence& sequence, Awareness& awareness, Rng& rng)
    : name_(options.name),
      address_(options.address),
      profile_(options.profile),
      members_(members),
      outbox_(outbox),
      streams_(streams),
      sequence_(sequence),
      awareness_(awareness),
      rng_(rng) {}

void Prober::tick(TimePoint now, Actions& out) {
  if (probe_) return;
  const Member* member = members_.next_to_probe(now, profile_.gossip_to_the_dead, rng_);
  if (member == nullptr) return;
  probe_ =
      Probe{member->name, member->address, member->versions, member->incarnation, sequence_.next()};
  probe_->deadline = now + awareness_.scale(profile_.probe_interval);
  ping(*probe_, *member, now, out);
}

void Prober::ping(Probe& probe, const Member& member, TimePoint now, Actions& out) {
  ++probe.pings;
  probe.next_step = now + profile_.probe_timeout / profile_.pings;
  if (member.state == State::suspect) {
    // It can refute at once what is said about it.
    outbox_.send_only(member, {ping_of(probe), Suspect{member.incarnation, member.name, name_}},
                      out);
  } else {
    outbox_.send(probe.address, ping_of(probe), out);
  }
}

bool Prober::on_ack(std::uint32_t seq_no) {
  if (!is_current(seq_no)) return false;
  awareness_.apply(-1);
  probe_.reset();
  return true;
}

void Prober::on_nack(std::uint32_t seq_no) {
  if (is_current(seq_no)) ++probe_->nacks;
}

void Prober::on_stream_ack(std::uint32_t seq_no) {
  if (is_current(seq_no)) probe_->stream_answered = true;
}

std::optional<Suspect> Prober::on_deadline(TimePoint now, Actions& out) {
  if (!probe_) return std::nullopt;
  if (probe_->deadline <= now) {
    const Probe probe = std::move(*probe_);
    probe_.reset();
    return conclude(probe, out);
  }
  if (probe_->next_step && *probe_->next_step <= now) go_on(*probe_, now, out);
  return std::nullopt;
}

void Prober::go_on(Probe& probe, TimePoint now, Actions& out) {
  const Member* member = members_.find(probe.node);
  // Where it has moved since is another probe's business.
  const bool there = member != nullptr && !member->gone() && member->address == probe.address;
  if (there && probe.pings < profile_.pings) {
    ping(probe, *member, now, out);
  } else {
    ask_others(probe, out);
  }
}

void Prober::ask_others(Probe& probe, Actions& out) {
  probe.next_step.reset();
  const auto relays = members_.choose(profile_.indirect_checks, rng_, [&](const Member& member) {
    return member.state == State::alive && member.name != name_ && member.name != probe.node;
  });
  for (const Member* relay : relays) {
    const bool nack = Understands::nacks(relay->versions);
    if (nack) ++probe.expected_nacks;
    IndirectPing request{probe.seq_no, probe.address.ip, probe.address.port, probe.node,
                         nack,         address_.ip,      address_.port,      name_};
    outbox_.send(relay->address, std::move(request), out);
  }
  if (profile_.stream_pings && Understands::stream_pings(probe.versions)) {
    streams_.open(probe.address, ping_of(probe), probe.deadline, {.ping = probe.seq_no}, out);
  }
}

std::optional<Suspect> Prober::conclude(const Probe& probe, Actions& out) {
  if (probe.stream_answered) {
    awareness_.apply(-1);
    out.push_back(PacketsUnanswered{probe.node, probe.address});
    return std::nullopt;
  }
  // Relays that are well say so. Where they are silent, too, the fault is rather with this node.
  awareness_.apply(probe.expected_nacks == 0 ? 1 : std::max(0, probe.expected_nacks - probe.nacks));
  return Suspect{probe.incarnation, probe.node, name_};
}

Ping Prober::ping_of(const Probe& probe) const {
  return {probe.seq_no, probe.node, address_.ip, address_.port, name_};
}

std::optional<TimePoint> Prober::next_deadline() const {
  if (!probe_) return std::nullopt;
  return probe_->next_step ? std::min(*probe_->next_step, probe_->deadline) : probe_->deadline;
}

void Prober::postpone(Duration by) {
  if (!probe_) return;
  if (probe_->next_step) *probe_->next_step += by;
  probe_->deadline += by;
}

}  // namespace kith::membership
