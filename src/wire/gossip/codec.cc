// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/codec.h"

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "wire/gossip/struct_codec.h"

namespace kith::wire::gossip {
namespace {

// The type byte and the name of each message.
struct Type {
  MessageType number;
  std::string_view name;
};
template <class T>
inline constexpr Type kType = {};
template <>
inline constexpr Type kType<Ping> = {MessageType::ping, "Ping"};
template <>
inline constexpr Type kType<IndirectPing> = {MessageType::indirect_ping, "IndirectPing"};
template <>
inline constexpr Type kType<Ack> = {MessageType::ack, "Ack"};
template <>
inline constexpr Type kType<Nack> = {MessageType::nack, "Nack"};
template <>
inline constexpr Type kType<Suspect> = {MessageType::suspect, "Suspect"};
template <>
inline constexpr Type kType<Alive> = {MessageType::alive, "Alive"};
template <>
inline constexpr Type kType<Dead> = {MessageType::dead, "Dead"};
template <>
inline constexpr Type kType<UserMessage> = {MessageType::user, "UserMessage"};
template <>
inline constexpr Type kType<PushPull> = {MessageType::push_pull, "PushPull"};
template <>
inline constexpr Type kType<ErrorMessage> = {MessageType::error, "ErrorMessage"};

template <class T>
Result<DatagramMessage> decode_as(std::string_view body) {
  auto message = read_whole_struct<T>(body);
  if (!message) return tl::unexpected<Error>(std::move(message).error());
  return DatagramMessage(std::move(*message));
}

void put_type(MessageType type, std::string& out) { out.push_back(static_cast<char>(type)); }

// Most messages are one map in datagrams and connections alike.
template <class T>
void encode_map(const T& message, std::string& out) {
  put_type(kType<T>.number, out);
  write_struct(message, out);
}

void encode_user(const UserMessage& message, std::string& out) {
  put_type(MessageType::user, out);
  write_struct(UserMessageHeader{static_cast<std::int64_t>(message.payload.size())}, out);
  out.append(message.payload);
}

void encode_push_pull(const PushPull& message, std::string& out) {
  put_type(MessageType::push_pull, out);
  write_struct(
      PushPullHeader{.join = message.join,
                     .nodes = static_cast<std::int64_t>(message.nodes.size()),
                     .user_state_bytes = static_cast<std::int64_t>(message.user_state.size())},
      out);
  for (const NodeState& node : message.nodes) write_struct(node, out);
  out.append(message.user_state);
}

template <class Variant>
std::string_view name_of_any(const Variant& message) {
  return std::visit([]<class T>(const T&) { return kType<T>.name; }, message);
}

}  // namespace

Result<DatagramMessage> decode_datagram_message(std::string_view bytes) {
  if (bytes.empty()) return fail(ErrorCode::invalid_argument, "gossip message without a type");
  const auto type = static_cast<MessageType>(static_cast<std::uint8_t>(bytes[0]));
  const std::string_view body = bytes.substr(1);
  switch (type) {
    case MessageType::ping:
      return decode_as<Ping>(body);
    case MessageType::indirect_ping:
      return decode_as<IndirectPing>(body);
    case MessageType::ack:
      return decode_as<Ack>(body);
    case MessageType::nack:
      return decode_as<Nack>(body);
    case MessageType::suspect:
      return decode_as<Suspect>(body);
    case MessageType::alive:
      return decode_as<Alive>(body);
    case MessageType::dead:
      return decode_as<Dead>(body);
    case MessageType::user:
      return DatagramMessage(UserMessage{std::string(body)});
    default:
      return fail(ErrorCode::unimplemented, "gossip message of the type " +
                                                std::to_string(static_cast<unsigned>(type)) +
                                                " in a datagram");
  }
}

void encode_datagram_message(const DatagramMessage& message, std::string& out) {
  std::visit(
      [&]<class T>(const T& one) {
        if constexpr (std::is_same_v<T, UserMessage>) {
          put_type(MessageType::user, out);
          out.append(one.payload);
        } else {
          encode_map(one, out);
        }
      },
      message);
}

void encode_stream_message(const StreamMessage& message, std::string& out) {
  std::visit(
      [&]<class T>(const T& one) {
        if constexpr (std::is_same_v<T, UserMessage>) {
          encode_user(one, out);
        } else if constexpr (std::is_same_v<T, PushPull>) {
          encode_push_pull(one, out);
        } else {
          encode_map(one, out);
        }
      },
      message);
}

std::string_view name_of(const DatagramMessage& message) { return name_of_any(message); }
std::string_view name_of(const StreamMessage& message) { return name_of_any(message); }

}  // namespace kith::wire::gossip
