// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace kith::sim {
namespace {

/// A connection that is not established by then will not be.
constexpr Duration kDialTimeout = std::chrono::seconds(1);

}  // namespace

Network::Network(std::size_t nodes, std::uint64_t seed, World& world, Trace& trace)
    : nodes_(nodes),
      rng_(seed),
      world_(world),
      trace_(trace),
      endpoints_(nodes),
      links_(nodes * nodes),
      directions_(nodes * nodes) {}

void Network::attach(NodeIndex node, Endpoint& endpoint) { endpoints_[node] = &endpoint; }

void Network::detach(NodeIndex node) {
  endpoints_[node] = nullptr;
  for (NodeIndex other = 0; other < nodes_; ++other) {
    if (other == node) continue;
    Link& out = link(node, other);
    out.state = State::down;
    out.waiting.clear();
    const std::uint64_t gone = std::exchange(out.dialer, 0);
    if (gone != 0) {
      signal(node, other, [this, node, other, gone] { break_at_acceptor(node, other, gone); });
    }
    Link& in = link(other, node);
    const std::uint64_t served = std::exchange(in.acceptor, 0);
    if (served != 0) {
      signal(node, other, [this, node, other, served] { break_at_dialer(other, node, served); });
    }
  }
}

void Network::dial(NodeIndex from, NodeIndex to) {
  Link& dialed = link(from, to);
  if (dialed.state != State::down) return;
  dialed.state = State::dialing;
  const std::uint64_t connection = dialed.dialer = ++connections_;
  trace_.record(world_.now(), from, Happening::dialed, to, connection);
  signal(from, to, [this, from, to, connection] {
    Endpoint* endpoint = endpoints_[to];
    if (endpoint == nullptr) {  // refused
      signal(to, from, [this, from, to, connection] { break_at_dialer(from, to, connection); });
      return;
    }
    endpoint->when_awake([this, from, to, connection] { accept(from, to, connection); });
  });
  world_.after(kDialTimeout, [this, from, to, connection] {
    if (link(from, to).state == State::dialing) break_at_dialer(from, to, connection);
  });
}

void Network::accept(NodeIndex from, NodeIndex to, std::uint64_t connection) {
  Link& dialed = link(from, to);
  // A later dialing may have arrived first.
  if (dialed.acceptor > connection) return;
  if (dialed.acceptor != 0) {
    dialed.acceptor = 0;
    trace_.record(world_.now(), to, Happening::caller_gone, from);
    endpoints_[to]->on_caller_gone(from);
  }
  dialed.acceptor = connection;
  signal(to, from, [this, from, to, connection] { established(from, to, connection); });
}

void Network::established(NodeIndex from, NodeIndex to, std::uint64_t connection) {
  Endpoint* endpoint = endpoints_[from];
  if (endpoint == nullptr) return;
  endpoint->when_awake([this, from, to, connection] {
    Link& dialed = link(from, to);
    if (dialed.state != State::dialing || dialed.dialer != connection) return;
    dialed.state = State::up;
    trace_.record(world_.now(), from, Happening::link_up, to, connection);
    auto waiting = std::exchange(dialed.waiting, {});
    for (auto& frame : waiting) send_request(from, to, std::move(frame));
    endpoints_[from]->on_link_up(to);
  });
}

void Network::hang_up(NodeIndex from, NodeIndex to) {
  Link& dialed = link(from, to);
  if (dialed.state == State::down) return;
  dialed.state = State::down;
  dialed.waiting.clear();
  const std::uint64_t connection = std::exchange(dialed.dialer, 0);
  signal(from, to, [this, from, to, connection] { break_at_acceptor(from, to, connection); });
}

void Network::break_at_dialer(NodeIndex from, NodeIndex to, std::uint64_t connection) {
  Endpoint* endpoint = endpoints_[from];
  if (endpoint == nullptr) return;
  endpoint->when_awake([this, from, to, connection] {
    Link& dialed = link(from, to);
    if (dialed.dialer != connection) return;
    dialed.dialer = 0;
    dialed.state = State::down;
    dialed.waiting.clear();
    trace_.record(world_.now(), from, Happening::link_down, to, connection);
    endpoints_[from]->on_link_down(to);
  });
}

void Network::break_at_acceptor(NodeIndex from, NodeIndex to, std::uint64_t connection) {
  Endpoint* endpoint = endpoints_[to];
  if (endpoint == nullptr) return;
  endpoint->when_awake([this, from, to, connection] {
    Link& dialed = link(from, to);
    if (dialed.acceptor != connection) return;
    dialed.acceptor = 0;
    trace_.record(world_.now(), to, Happening::caller_gone, from, connection);
    endpoints_[to]->on_caller_gone(from);
  });
}

void Network::send_request(NodeIndex from, NodeIndex to, std::string frame) {
  Link& dialed = link(from, to);
  if (dialed.state == State::dialing) {
    dialed.waiting.push_back(std::move(frame));
    return;
  }
  if (dialed.state == State::down) {
    trace_.record(world_.now(), from, Happening::no_link, to);
    return;
  }
  const std::uint64_t connection = dialed.dialer;
  auto shared = std::make_shared<const std::string>(std::move(frame));
  transmit(from, to, [this, from, to, connection, shared] {
    deliver_request(from, to, connection, *shared);
  });
}

void Network::send_reply(NodeIndex from, NodeIndex to, std::string frame) {
  const std::uint64_t connection = link(to, from).acceptor;
  if (connection == 0) {
    trace_.record(world_.now(), from, Happening::no_link, to);
    return;
  }
  auto shared = std::make_shared<const std::string>(std::move(frame));
  transmit(from, to,
           [this, from, to, connection, shared] { deliver_reply(from, to, connection, *shared); });
}

void Network::deliver_request(NodeIndex from, NodeIndex to, std::uint64_t connection,
                              const std::string& frame) {
  Endpoint* endpoint = endpoints_[to];
  if (endpoint == nullptr) {  // The kernel answers for a process that is gone.
    signal(to, from, [this, from, to, connection] { break_at_dialer(from, to, connection); });
    return;
  }
  endpoint->when_awake([this, from, to, connection, frame] {
    if (link(from, to).acceptor != connection) {
      // Not a connection of this process: reset, as TCP does.
      signal(to, from, [this, from, to, connection] { break_at_dialer(from, to, connection); });
      return;
    }
    endpoints_[to]->on_frame(from, frame);
  });
}

void Network::deliver_reply(NodeIndex from, NodeIndex to, std::uint64_t connection,
                            const std::string& frame) {
  const auto reset = [this, from, to, connection] {
    signal(to, from, [this, from, to, connection] { break_at_acceptor(to, from, connection); });
  };
  Endpoint* endpoint = endpoints_[to];
  if (endpoint == nullptr) {
    reset();
    return;
  }
  endpoint->when_awake([this, from, to, connection, frame, reset] {
    const Link& dialed = link(to, from);
    if (dialed.state != State::up || dialed.dialer != connection) {
      reset();
      return;
    }
    endpoints_[to]->on_frame(from, frame);
  });
}

Duration Network::delay(const LinkQuality& quality) {
  const double extra =
      -std::log(1.0 - rng_.unit()) * static_cast<double>(quality.mean_extra.count());
  return quality.min_delay + Duration(static_cast<Duration::rep>(extra));
}

void Network::signal(NodeIndex from, NodeIndex to, World::Task arrival) {
  Direction& way = direction(from, to);
  if (way.blocked == Blocked::vanishes) return;
  if (way.blocked == Blocked::held) {
    way.held.push_back(std::move(arrival));
    return;
  }
  way.last_arrival = std::max(way.last_arrival, world_.now() + delay(way.quality));
  world_.at(way.last_arrival, std::move(arrival));
}

void Network::transmit(NodeIndex from, NodeIndex to, const World::Task& arrival) {
  ++messages_;
  Direction& way = direction(from, to);
  if (way.blocked == Blocked::vanishes || rng_.chance(way.quality.loss)) {
    trace_.record(world_.now(), from, Happening::lost, to);
    return;
  }
  const int copies = rng_.chance(way.quality.duplication) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    if (way.blocked == Blocked::no && rng_.chance(way.quality.reordering)) {
      world_.after(4 * delay(way.quality), arrival);
    } else {
      signal(from, to, arrival);
    }
  }
}

void Network::set_quality(const LinkQuality& quality) {
  for (Direction& way : directions_) way.quality = quality;
}

void Network::set_quality(NodeIndex from, NodeIndex to, const LinkQuality& quality) {
  direction(from, to).quality = quality;
}

void Network::block(NodeIndex from, NodeIndex to, Blocked how) {
  Direction& way = direction(from, to);
  way.blocked = how;
  if (how != Blocked::no) return;
  auto held = std::exchange(way.held, {});
  for (auto& arrival : held) signal(from, to, std::move(arrival));
}

void Network::heal() {
  for (Direction& way : directions_) {
    way.quality.loss = way.quality.duplication = way.quality.reordering = 0;
  }
  for (NodeIndex from = 0; from < nodes_; ++from) {
    for (NodeIndex to = 0; to < nodes_; ++to) block(from, to, Blocked::no);
  }
}

}  // namespace kith::sim
