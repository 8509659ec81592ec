// SPDX-License-Identifier: Apache-2.0
#include "core/membership/encoded_size.h"

#include <string_view>
#include <variant>

namespace kith::membership {
namespace {

// A message is a type byte and a msgpack map of at most 15 fields, whose names are short strings.
constexpr std::size_t kTypeAndMap = 2;

constexpr std::size_t of_bytes(std::string_view bytes) {
  return bytes.size() + (bytes.size() < 32 ? 1 : bytes.size() <= 0xffff ? 3 : 5);
}
constexpr std::size_t of_number(std::uint32_t number) {
  return number < 0x80 ? 1 : number <= 0xff ? 2 : number <= 0xffff ? 3 : 5;
}
constexpr std::size_t field(std::string_view name, std::size_t value) {
  return of_bytes(name) + value;
}

/// The fields that name the sender are left out when they are empty.
template <class Request>
std::size_t source(const Request& request) {
  std::size_t size = 0;
  if (!request.source_addr.empty()) size += field("SourceAddr", of_bytes(request.source_addr));
  if (!request.source_node.empty()) size += field("SourceNode", of_bytes(request.source_node));
  if (request.source_port != 0) size += field("SourcePort", of_number(request.source_port));
  return size;
}

std::size_t fields(const Ping& ping) {
  return field("Node", of_bytes(ping.node)) + field("SeqNo", of_number(ping.seq_no)) + source(ping);
}
std::size_t fields(const IndirectPing& ping) {
  return field("Nack", 1) + field("Node", of_bytes(ping.node)) +
         field("Port", of_number(ping.port)) + field("SeqNo", of_number(ping.seq_no)) +
         field("Target", of_bytes(ping.target)) + source(ping);
}
std::size_t fields(const Ack& ack) {
  return field("Payload", of_bytes(ack.payload)) + field("SeqNo", of_number(ack.seq_no));
}
std::size_t fields(const Nack& nack) { return field("SeqNo", of_number(nack.seq_no)); }
std::size_t fields(const Alive& alive) {
  return field("Addr", of_bytes(alive.addr)) + field("Incarnation", of_number(alive.incarnation)) +
         field("Meta", of_bytes(alive.meta)) + field("Node", of_bytes(alive.node)) +
         field("Port", of_number(alive.port)) + field("Vsn", 1 + alive.vsn.size());
}
template <class Accusation>  // Suspect, Dead
std::size_t fields(const Accusation& claim) {
  return field("From", of_bytes(claim.from)) + field("Incarnation", of_number(claim.incarnation)) +
         field("Node", of_bytes(claim.node));
}

struct SizeOf {
  template <class Map>
  std::size_t operator()(const Map& message) const {
    return kTypeAndMap + fields(message);
  }
  /// The only one that is no map.
  std::size_t operator()(const User& user) const { return 1 + user.payload.size(); }
};

std::size_t fields(const NodeState& node) {
  return field("Addr", of_bytes(node.addr)) + field("Incarnation", of_number(node.incarnation)) +
         field("Meta", of_bytes(node.meta)) + field("Name", of_bytes(node.name)) +
         field("Port", of_number(node.port)) + field("State", 1) +
         field("Vsn", 1 + node.vsn.size());
}

/// A header, then a map for each member, which has no type byte, then the user state as it is.
std::size_t size_on_stream(const PushPull& all) {
  const auto length = [](std::size_t n) { return of_number(static_cast<std::uint32_t>(n)); };
  std::size_t size = kTypeAndMap + field("Join", 1) + field("Nodes", length(all.nodes.size())) +
                     field("UserStateLen", length(all.user_state.size())) + all.user_state.size();
  for (const NodeState& node : all.nodes) size += 1 + fields(node);
  return size;
}
std::size_t size_on_stream(const Ping& ping) { return SizeOf{}(ping); }
std::size_t size_on_stream(const Ack& ack) { return SizeOf{}(ack); }
/// A header with the length, then the bytes.
std::size_t size_on_stream(const User& user) {
  const auto length = static_cast<std::uint32_t>(user.payload.size());
  return kTypeAndMap + field("UserMsgLen", of_number(length)) + user.payload.size();
}

}  // namespace

std::size_t encoded_size_on_stream(const StreamMessage& message) {
  return std::visit([](const auto& content) { return size_on_stream(content); }, message);
}

std::size_t encoded_size(const Message& message) { return std::visit(SizeOf{}, message); }

}  // namespace kith::membership
