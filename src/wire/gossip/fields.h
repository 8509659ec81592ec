// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

#include "wire/gossip/message.h"

// Which fields each message's map has. One table serves both directions. The order is that of
// writing: memberlist sorts the keys bytewise.
namespace kith::wire::gossip {

/// Says how many records and raw bytes follow it.
struct PushPullHeader {
  bool join = false;
  std::int64_t nodes = 0;
  std::int64_t user_state_bytes = 0;
};

/// Says how many raw bytes follow it. Of connections: a datagram has the payload alone.
struct UserMessageHeader {
  std::int64_t payload_bytes = 0;
};

/// A message compressed as a whole.
struct Compressed {
  std::uint64_t algorithm = 0;
  std::string buffer = {};
};

enum class Form : std::uint8_t {
  text,           ///< An empty string is written as one.
  text_if_any,    ///< An empty string is left out.
  bytes,          ///< Empty bytes are written as nil.
  bytes_if_any,   ///< Empty bytes are left out.
  number,         ///< By the member's type.
  number_if_any,  ///< Zero is left out.
};

template <class T, class M>
struct Field {
  std::string_view key;
  /// Its place when a peer writes the message as an array, which has memberlist's own order.
  std::size_t place;
  M T::*member;
  Form form = Form::number;
};

// A function, because clang 14 does not deduce the arguments of an aggregate's template.
template <class T, class M>
constexpr Field<T, M> field(std::string_view key, std::size_t place, M T::*member,
                            Form form = Form::number) {
  return {key, place, member, form};
}

/// The table of T. Without one, what uses it does not compile.
template <class T>
inline constexpr auto kFields = nullptr;

template <>
inline constexpr auto kFields<Ping> = std::tuple{
    field("Node", 1, &Ping::node, Form::text),
    field("SeqNo", 0, &Ping::seq_no),
    field("SourceAddr", 2, &Ping::source_addr, Form::bytes_if_any),
    field("SourceNode", 4, &Ping::source_node, Form::text_if_any),
    field("SourcePort", 3, &Ping::source_port, Form::number_if_any),
};

template <>
inline constexpr auto kFields<IndirectPing> = std::tuple{
    field("Nack", 4, &IndirectPing::nack),
    field("Node", 3, &IndirectPing::node, Form::text),
    field("Port", 2, &IndirectPing::port),
    field("SeqNo", 0, &IndirectPing::seq_no),
    field("SourceAddr", 5, &IndirectPing::source_addr, Form::bytes_if_any),
    field("SourceNode", 7, &IndirectPing::source_node, Form::text_if_any),
    field("SourcePort", 6, &IndirectPing::source_port, Form::number_if_any),
    field("Target", 1, &IndirectPing::target, Form::bytes),
};

template <>
inline constexpr auto kFields<Ack> = std::tuple{
    field("Payload", 1, &Ack::payload, Form::bytes),
    field("SeqNo", 0, &Ack::seq_no),
};

template <>
inline constexpr auto kFields<Nack> = std::tuple{
    field("SeqNo", 0, &Nack::seq_no),
};

template <>
inline constexpr auto kFields<Suspect> = std::tuple{
    field("From", 2, &Suspect::from, Form::text),
    field("Incarnation", 0, &Suspect::incarnation),
    field("Node", 1, &Suspect::node, Form::text),
};

template <>
inline constexpr auto kFields<Alive> = std::tuple{
    field("Addr", 2, &Alive::addr, Form::bytes),
    field("Incarnation", 0, &Alive::incarnation),
    field("Meta", 4, &Alive::meta, Form::bytes),
    field("Node", 1, &Alive::node, Form::text),
    field("Port", 3, &Alive::port),
    field("Vsn", 5, &Alive::vsn),
};

template <>
inline constexpr auto kFields<Dead> = std::tuple{
    field("From", 2, &Dead::from, Form::text),
    field("Incarnation", 0, &Dead::incarnation),
    field("Node", 1, &Dead::node, Form::text),
};

template <>
inline constexpr auto kFields<ErrorMessage> = std::tuple{
    field("Error", 0, &ErrorMessage::error, Form::text),
};

template <>
inline constexpr auto kFields<NodeState> = std::tuple{
    field("Addr", 1, &NodeState::addr, Form::bytes),
    field("Incarnation", 4, &NodeState::incarnation),
    field("Meta", 3, &NodeState::meta, Form::bytes),
    // All other messages call it Node.
    field("Name", 0, &NodeState::name, Form::text),
    field("Port", 2, &NodeState::port),
    field("State", 5, &NodeState::status),
    field("Vsn", 6, &NodeState::vsn),
};

template <>
inline constexpr auto kFields<PushPullHeader> = std::tuple{
    field("Join", 2, &PushPullHeader::join),
    field("Nodes", 0, &PushPullHeader::nodes),
    field("UserStateLen", 1, &PushPullHeader::user_state_bytes),
};

template <>
inline constexpr auto kFields<UserMessageHeader> = std::tuple{
    field("UserMsgLen", 0, &UserMessageHeader::payload_bytes),
};

template <>
inline constexpr auto kFields<Compressed> = std::tuple{
    field("Algo", 0, &Compressed::algorithm),
    field("Buf", 1, &Compressed::buffer, Form::bytes),
};

}  // namespace kith::wire::gossip
