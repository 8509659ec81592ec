// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/stream_message.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "wire/gossip/struct_codec.h"

namespace kith::wire::gossip {
namespace {

// A message that is one map.
template <class T>
Result<std::optional<StreamMessage>> read_map(std::string_view bytes) {
  T message;
  const auto size = read_struct(bytes.substr(1), message);
  if (!size) return tl::unexpected<Error>(size.error());
  if (!*size) return std::nullopt;
  return StreamMessage(std::move(message));
}

// Whether a peer may announce so many of something.
Result<void> check_count(std::int64_t count, std::size_t limit, std::string_view what) {
  if (count < 0) {
    return fail(ErrorCode::invalid_argument,
                "gossip message with a negative number of " + std::string(what));
  }
  if (static_cast<std::uint64_t>(count) > limit) {
    return fail(ErrorCode::too_large, "gossip message with " + std::to_string(count) + ' ' +
                                          std::string(what) + ", over the limit of " +
                                          std::to_string(limit));
  }
  return {};
}

}  // namespace

Result<std::optional<StreamMessage>> StreamMessageReader::read(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto type = static_cast<MessageType>(static_cast<std::uint8_t>(bytes[0]));
  switch (type) {
    case MessageType::ping:
      return read_map<Ping>(bytes);
    case MessageType::ack:
      return read_map<Ack>(bytes);
    case MessageType::error:
      return read_map<ErrorMessage>(bytes);
    case MessageType::user:
      return read_user(bytes);
    case MessageType::push_pull:
      return read_push_pull(bytes);
    default:
      return fail(ErrorCode::unimplemented, "gossip message of the type " +
                                                std::to_string(static_cast<unsigned>(type)) +
                                                " on a connection");
  }
}

Result<std::optional<StreamMessage>> StreamMessageReader::read_user(std::string_view bytes) {
  UserMessageHeader header;
  const auto size = read_struct(bytes.substr(1), header);
  if (!size) return tl::unexpected<Error>(size.error());
  if (!*size) return std::nullopt;
  const auto counts = check_count(header.payload_bytes, limits_.user_bytes, "user bytes");
  if (!counts) return tl::unexpected<Error>(counts.error());
  const std::string_view rest = bytes.substr(1 + **size);
  const auto payload_bytes = static_cast<std::size_t>(header.payload_bytes);
  if (rest.size() < payload_bytes) return std::nullopt;
  return StreamMessage(UserMessage{std::string(rest.substr(0, payload_bytes))});
}

Result<std::optional<StreamMessage>> StreamMessageReader::read_push_pull(std::string_view bytes) {
  KITH_CHECK(bytes.size() >= taken_);
  if (taken_ == 0) {
    const auto size = read_struct(bytes.substr(1), header_);
    if (!size) return tl::unexpected<Error>(size.error());
    if (!*size) return std::nullopt;
    for (const auto& counts :
         {check_count(header_.nodes, limits_.nodes, "nodes"),
          check_count(header_.user_state_bytes, limits_.user_bytes, "bytes of user state")}) {
      if (!counts) return tl::unexpected<Error>(counts.error());
    }
    push_pull_.join = header_.join;
    taken_ = 1 + **size;
  }
  // No memory is taken for nodes that are announced only.
  while (push_pull_.nodes.size() < static_cast<std::size_t>(header_.nodes)) {
    NodeState node;
    const auto size = read_struct(bytes.substr(taken_), node);
    if (!size) return tl::unexpected<Error>(size.error());
    if (!*size) return std::nullopt;
    taken_ += **size;
    push_pull_.nodes.push_back(std::move(node));
  }
  const std::string_view rest = bytes.substr(taken_);
  const auto state_bytes = static_cast<std::size_t>(header_.user_state_bytes);
  if (rest.size() < state_bytes) return std::nullopt;
  push_pull_.user_state.assign(rest.substr(0, state_bytes));
  return StreamMessage(std::move(push_pull_));
}

}  // namespace kith::wire::gossip
