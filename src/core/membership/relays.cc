// SPDX-License-Identifier: Apache-2.0
#include "core/membership/relays.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace kith::membership {
namespace {

/// Pings on behalf of others at once. Further requests are not served; the requesters have others.
constexpr std::size_t kMaxRelays = 256;

/// A nack must reach the requester before he judges, for which he has what his own ping left of the
/// probe's interval. memberlist waits for the whole timeout, and is too late by default.
Duration nack_after(const Options& options) {
  const Profile& profile = options.profile;
  if (!options.nacks_in_time) return profile.probe_timeout;
  const Duration window = profile.probe_interval - profile.probe_timeout;
  return std::max(Duration::zero(), std::min(profile.probe_timeout, window)) * 4 / 5;
}

}  // namespace

Relays::Relays(const Options& options, Sequence& sequence, Outbox& outbox)
    : ping_{0, "", options.address.ip, options.address.port, options.name},
      timeout_(options.profile.probe_timeout),
      nack_after_(nack_after(options)),
      twice_(options.profile.pings > 1),
      sequence_(sequence),
      outbox_(outbox) {}

void Relays::on_request(const IndirectPing& request, const Address& source, TimePoint now,
                        Actions& out) {
  if (relays_.size() >= kMaxRelays) return;
  Relay relay;
  const bool named = !request.source_addr.empty() && request.source_port != 0;
  relay.requester = named ? Address{request.source_addr, request.source_port} : source;
  relay.requested_seq_no = request.seq_no;
  relay.ends = now + timeout_;
  if (request.nack) relay.nack_at = now + nack_after_;

  if (twice_) relay.again_at = now + nack_after_ / 2;
  relay.target = {request.target, request.port};
  relay.ping = ping_;
  relay.ping.seq_no = sequence_.next();
  relay.ping.node = request.node;
  outbox_.send(relay.target, relay.ping, out);
  relays_.emplace(relay.ping.seq_no, std::move(relay));
}

bool Relays::on_ack(std::uint32_t seq_no, Actions& out) {
  const auto entry = relays_.find(seq_no);
  if (entry == relays_.end()) return false;
  const Relay& relay = entry->second;
  outbox_.send(relay.requester, Ack{relay.requested_seq_no}, out);
  relays_.erase(entry);
  return true;
}

void Relays::on_deadline(TimePoint now, Actions& out) {
  for (auto& [seq_no, relay] : relays_) {
    if (relay.again_at && *relay.again_at <= now) {
      relay.again_at.reset();
      outbox_.send(relay.target, relay.ping, out);
    }
    if (!relay.nack_at || *relay.nack_at > now) continue;
    relay.nack_at.reset();
    outbox_.send(relay.requester, Nack{relay.requested_seq_no}, out);
  }
  std::erase_if(relays_, [&](const auto& entry) { return entry.second.ends <= now; });
}

std::optional<TimePoint> Relays::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [seq_no, relay] : relays_) {
    for (const auto& due : {relay.again_at, relay.nack_at, std::optional(relay.ends)}) {
      if (due && (!next || *due < *next)) next = due;
    }
  }
  return next;
}

void Relays::postpone(Duration by) {
  for (auto& [seq_no, relay] : relays_) {
    if (relay.again_at) *relay.again_at += by;
    if (relay.nack_at) *relay.nack_at += by;
    relay.ends += by;
  }
}

}  // namespace kith::membership
