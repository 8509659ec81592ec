// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/peer_links.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/hash.h"
#include "edge/driver/slices.h"

namespace kith::edge {

namespace {

// Bounds on what waits for the first connection.
constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::size_t kMaxWaitingBytes = 16u << 20;

std::size_t weight(const fetch::Send& request) {
  const auto* get = std::get_if<wire::peer::Get>(&request.message);
  return sizeof(request) + (get == nullptr ? 0 : get->key.size());
}

}  // namespace

bool is_request(const wire::peer::Message& message) {
  return std::visit(
      []<class M>(const M&) {
        return std::is_same_v<M, wire::peer::Get> || std::is_same_v<M, wire::peer::Cancel> ||
               std::is_same_v<M, wire::peer::Ping>;
      },
      message);
}

PeerLinks::PeerLinks(const Home& home, std::string name, std::string address, std::uint64_t seed,
                     Listener& listener)
    : home_(home),
      node_(node_id(name)),
      name_(std::move(name)),
      address_(std::move(address)),
      seed_(seed),
      listener_(listener) {
  // The nodes of a cluster mostly have the same number of loops.
  dial_slices(home_.self.slices);
}

bool PeerLinks::send(fetch::Send request) {
  if (state_ == State::up) {
    send_now(request);
    return true;
  }
  if (state_ == State::down) return true;
  if (waiting_.size() >= kMaxWaiting || waiting_bytes_ + weight(request) > kMaxWaitingBytes) {
    return false;
  }
  waiting_bytes_ += weight(request);
  waiting_.push_back(std::move(request));
  return true;
}

void PeerLinks::send_now(const fetch::Send& request) {
  if (std::holds_alternative<wire::peer::Ping>(request.message)) {
    for (const auto& link : links_) link->send(request.message);
    return;
  }
  const std::uint16_t slice = slice_of(request.slot, slices_);
  const std::uint16_t first = links_.front()->slice();
  if (slice < first || slice > links_.back()->slice()) return;
  links_[static_cast<std::size_t>(slice - first)]->send(request.message);
}

void PeerLinks::give_up() {
  state_ = State::down;
  waiting_.clear();
  waiting_.shrink_to_fit();
  waiting_bytes_ = 0;
}

void PeerLinks::redial() {
  give_up();
  for (const auto& link : links_) link->redial();
}

void PeerLinks::dial_slices(std::uint16_t slices) {
  slices_ = slices;
  const SliceRange range = overlap(home_.slice, home_.self.slices, slices);
  std::vector<std::unique_ptr<Link>> kept = std::exchange(links_, {});
  Link::Listener& listener = *this;
  for (std::uint32_t slice = range.first; slice <= range.last; ++slice) {
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const auto& link) {
      return link != nullptr && link->slice() == slice;
    });
    if (same != kept.end()) {
      links_.push_back(std::move(*same));
    } else {
      links_.push_back(std::make_unique<Link>(home_.context, home_.self, name_, address_,
                                              static_cast<std::uint16_t>(slice),
                                              mix64(seed_ + slice), listener, home_.queue));
    }
  }
}

void PeerLinks::on_up(Link&, BootId boot, std::uint16_t slices) {
  if (boot_ && *boot_ != boot) listener_.on_peer_gone(name_, *boot_);
  boot_ = boot;
  if (slices != slices_) dial_slices(slices);
  const bool all_up =
      std::all_of(links_.begin(), links_.end(), [](const auto& each) { return each->up(); });
  if (!all_up || state_ == State::up) return;
  const std::vector<fetch::Send> waiting = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  state_ = State::up;
  for (const fetch::Send& request : waiting) send_now(request);
  listener_.on_peer_up(node_);
}

void PeerLinks::on_down(Link&, const Link::Down& down) {
  if (down.no_such_slice && slices_ > 1) {
    // It has fewer; slice 0 exists always, and its answer tells how many.
    dial_slices(1);
    return;
  }
  listener_.on_peer_trouble(name_, down);
  if (down.gone && boot_ == down.gone) {
    boot_.reset();
    listener_.on_peer_gone(name_, *down.gone);
  }
  if (state_ == State::down) return;
  give_up();
  listener_.on_peer_down(node_);
}

void PeerLinks::on_message(Link&, const wire::peer::Message& message) {
  if (!is_request(message)) listener_.on_peer_message(node_, message);
}

}  // namespace kith::edge
