// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/gossip_messages.h"

#include <type_traits>
#include <utility>
#include <variant>

namespace kith::edge {

namespace m = membership;
namespace w = wire::gossip;

namespace {

std::optional<w::Vsn> vsn_of(const m::Versions& v) {
  if (v == m::Versions{}) return std::nullopt;
  return w::Vsn{v[0], v[1], v[2], v[3], v[4], v[5]};
}

m::Versions versions_of(const std::optional<w::Vsn>& vsn) {
  if (!vsn) return {};
  return {vsn->protocol_min, vsn->protocol_max, vsn->protocol_current,
          vsn->delegate_min, vsn->delegate_max, vsn->delegate_current};
}

// Each kind of message, one way and the other.
struct ToWire {
  using Out = w::DatagramMessage;
  Out operator()(const m::Ping& p) const {
    return w::Ping{p.seq_no, p.node, p.source_addr, p.source_port, p.source_node};
  }
  Out operator()(const m::IndirectPing& p) const {
    return w::IndirectPing{p.seq_no, p.target,      p.port,        p.node,
                           p.nack,   p.source_addr, p.source_port, p.source_node};
  }
  Out operator()(const m::Ack& a) const { return w::Ack{a.seq_no, a.payload}; }
  Out operator()(const m::Nack& n) const { return w::Nack{n.seq_no}; }
  Out operator()(const m::Suspect& s) const { return w::Suspect{s.incarnation, s.node, s.from}; }
  Out operator()(const m::Alive& a) const {
    return w::Alive{a.incarnation, a.node, a.addr, a.port, a.meta, vsn_of(a.vsn)};
  }
  Out operator()(const m::Dead& d) const { return w::Dead{d.incarnation, d.node, d.from}; }
  Out operator()(const m::User& u) const { return w::UserMessage{u.payload}; }
};

struct FromWire {
  using Out = m::Message;
  Out operator()(const w::Ping& p) const {
    return m::Ping{p.seq_no, p.node, p.source_addr, p.source_port, p.source_node};
  }
  Out operator()(const w::IndirectPing& p) const {
    return m::IndirectPing{p.seq_no, p.target,      p.port,        p.node,
                           p.nack,   p.source_addr, p.source_port, p.source_node};
  }
  Out operator()(const w::Ack& a) const { return m::Ack{a.seq_no, a.payload}; }
  Out operator()(const w::Nack& n) const { return m::Nack{n.seq_no}; }
  Out operator()(const w::Suspect& s) const { return m::Suspect{s.incarnation, s.node, s.from}; }
  Out operator()(const w::Alive& a) const {
    return m::Alive{a.incarnation, a.node, a.addr, a.port, a.meta, versions_of(a.vsn)};
  }
  Out operator()(const w::Dead& d) const { return m::Dead{d.incarnation, d.node, d.from}; }
  Out operator()(const w::UserMessage& u) const { return m::User{u.payload}; }
};

struct StreamToWire {
  using Out = w::StreamMessage;
  Out operator()(const m::Ping& p) const {
    return w::Ping{p.seq_no, p.node, p.source_addr, p.source_port, p.source_node};
  }
  Out operator()(const m::Ack& a) const { return w::Ack{a.seq_no, a.payload}; }
  Out operator()(const m::User& u) const { return w::UserMessage{u.payload}; }
  Out operator()(const m::PushPull& p) const {
    w::PushPull out{.join = p.join, .nodes = {}, .user_state = p.user_state};
    out.nodes.reserve(p.nodes.size());
    for (const m::NodeState& n : p.nodes) {
      out.nodes.push_back({n.name, n.addr, n.port, n.meta, n.incarnation,
                           static_cast<w::NodeStatus>(n.state), vsn_of(n.vsn)});
    }
    return out;
  }
};

struct StreamFromWire {
  using Out = std::optional<m::StreamMessage>;
  Out operator()(w::Ping& p) const {
    return m::Ping{p.seq_no, std::move(p.node), std::move(p.source_addr), p.source_port,
                   std::move(p.source_node)};
  }
  Out operator()(w::Ack& a) const { return m::Ack{a.seq_no, std::move(a.payload)}; }
  Out operator()(w::UserMessage& u) const { return m::User{std::move(u.payload)}; }
  Out operator()(w::ErrorMessage&) const { return std::nullopt; }
  Out operator()(w::PushPull& p) const {
    m::PushPull out{.join = p.join, .nodes = {}, .user_state = std::move(p.user_state)};
    out.nodes.reserve(p.nodes.size());
    for (w::NodeState& n : p.nodes) {
      if (n.status == w::NodeStatus::unknown) continue;
      out.nodes.push_back({std::move(n.name), std::move(n.addr), n.port, std::move(n.meta),
                           n.incarnation, static_cast<m::State>(n.status), versions_of(n.vsn)});
    }
    return out;
  }
};

}  // namespace

gossip::Endpoint to_wire(const m::Address& address) { return {address.ip, address.port}; }
m::Address from_wire(const gossip::Endpoint& endpoint) { return {endpoint.ip, endpoint.port}; }

w::DatagramMessage to_wire(const m::Message& message) { return std::visit(ToWire{}, message); }
m::Message from_wire(const w::DatagramMessage& message) { return std::visit(FromWire{}, message); }

w::StreamMessage to_wire(const m::StreamMessage& message) {
  return std::visit(StreamToWire{}, message);
}
std::optional<m::StreamMessage> from_wire(w::StreamMessage message) {
  return std::visit(StreamFromWire{}, message);
}

}  // namespace kith::edge
