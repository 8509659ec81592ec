// SPDX-License-Identifier: Apache-2.0
#include "core/membership/liveness.h"

#include <algorithm>

namespace kith::membership {

Liveness::Liveness(const LivenessOptions& options, Marks& marks)
    : options_(options), marks_(marks) {}

void Liveness::set_peers(std::span<const NodeId> peers, TimePoint now) {
  for (auto& [node, peer] : peers_) peer.listed = false;
  for (const NodeId node : peers) {
    const auto [entry, added] = peers_.try_emplace(node);
    entry->second.listed = true;
    if (added) entry->second.heard = now;
  }
  std::erase_if(peers_, [](const auto& entry) {
    return !entry.second.listed && entry.second.expecting == 0;
  });
}

void Liveness::on_link_up(NodeId node, TimePoint now, std::vector<LivenessEvent>& out) {
  const auto entry = peers_.find(node);
  if (entry == peers_.end()) return;
  Peer& peer = entry->second;
  peer.heard = now;
  peer.pinged = TimePoint{};
  if (peer.state == Reachability::reachable) return;
  if (peer.state == Reachability::unreachable) marks_.hit(Mark::peer_back);
  peer.state = Reachability::reachable;
  schedule(due(peer));
  out.push_back({LivenessEvent::Kind::back, node});
}

void Liveness::on_link_down(NodeId node, TimePoint, std::vector<LivenessEvent>& out) {
  const auto entry = peers_.find(node);
  if (entry == peers_.end() || entry->second.state == Reachability::unreachable) return;
  entry->second.state = Reachability::unreachable;
  marks_.hit(Mark::peer_unreachable_by_link);
  out.push_back({LivenessEvent::Kind::lost_by_link, node});
}

void Liveness::on_heard(NodeId node, TimePoint now) {
  const auto entry = peers_.find(node);
  if (entry != peers_.end()) entry->second.heard = now;
}

void Liveness::on_rumour(NodeId node, TimePoint now, std::vector<LivenessEvent>& out) {
  const auto entry = peers_.find(node);
  if (entry == peers_.end() || entry->second.state == Reachability::unreachable) return;
  Peer& peer = entry->second;
  if (peer.state == Reachability::reachable && now - peer.heard < options_.ping_when_idle) return;
  peer.state = Reachability::unreachable;
  out.push_back({LivenessEvent::Kind::lost_by_rumour, node});
}

void Liveness::on_request_sent(NodeId node, TimePoint now) {
  const auto entry = peers_.find(node);
  if (entry == peers_.end()) return;
  Peer& peer = entry->second;
  // An idle peer was silent because nobody spoke to it; a ping under way keeps counting.
  ++expecting_;
  if (peer.expecting++ == 0 && peer.pinged <= peer.heard) peer.heard = now;
  schedule(due(peer));
}

void Liveness::on_request_ended(NodeId node) {
  const auto entry = peers_.find(node);
  if (entry == peers_.end() || entry->second.expecting == 0) return;
  --entry->second.expecting;
  --expecting_;
  if (!entry->second.listed && entry->second.expecting == 0) peers_.erase(entry);
}

void Liveness::on_deadline(TimePoint now, std::vector<LivenessEvent>& out) {
  if (!next_ || *next_ > now) return;
  const Duration late = now - *next_;
  next_.reset();
  if (late > options_.own_stall) {
    marks_.hit(Mark::peer_silence_forgiven);
    // What the others sent meanwhile is still to be read: count the stall as heard.
    for (auto& [node, peer] : peers_) peer.heard = std::min(now, peer.heard + late);
  }
  for (auto& [node, peer] : peers_) {
    if (peer.state == Reachability::unreachable) continue;
    if (peer.pinged > peer.heard && now - peer.heard >= options_.silence_limit) {
      peer.state = Reachability::unreachable;
      marks_.hit(Mark::peer_unreachable_by_silence);
      out.push_back({LivenessEvent::Kind::lost_by_silence, node});
      continue;
    }
    if (peer.state == Reachability::reachable && due(peer) <= now) {
      peer.pinged = now;
      out.push_back({LivenessEvent::Kind::ping, node});
    }
    schedule(due(peer));
  }
}

TimePoint Liveness::due(const Peer& peer) const {
  // A peer that is not connected yet is given up by its link, which has a timeout of its own.
  if (peer.state != Reachability::reachable) return TimePoint::max();
  if (peer.pinged > peer.heard) return peer.heard + options_.silence_limit;
  return peer.heard + (peer.expecting > 0 ? options_.ping_when_expecting : options_.ping_when_idle);
}

void Liveness::schedule(TimePoint at) {
  if (at == TimePoint::max()) return;
  if (!next_ || at < *next_) next_ = at;
}

Reachability Liveness::state(NodeId node) const {
  const auto entry = peers_.find(node);
  return entry == peers_.end() ? Reachability::unreachable : entry->second.state;
}

std::size_t Liveness::expecting(NodeId node) const {
  const auto entry = peers_.find(node);
  return entry == peers_.end() ? 0 : entry->second.expecting;
}

}  // namespace kith::membership
