// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <string>

#include "wire/gossip/message.h"

// For tests: any message that a node could send.
namespace kith::wire::gossip {

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

/// Any bytes; lengths around the borders of msgpack's forms are as likely as others.
inline std::string any_bytes() {
  const auto size = *rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 70),
                                    rc::gen::element<std::size_t>(0, 31, 32, 255, 256, 700));
  return *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
}

inline std::string any_addr() {
  const auto size = *rc::gen::element<std::size_t>(0, 4, 16);
  return *rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
}

/// Small numbers are as likely as large ones, so that all forms of integers come.
inline std::uint32_t any_number() { return any<std::uint32_t>() >> *rc::gen::inRange(0, 32); }

inline std::optional<Vsn> any_vsn() {
  if (any<bool>()) return std::nullopt;
  return Vsn{any<std::uint8_t>(), any<std::uint8_t>(), any<std::uint8_t>(),
             any<std::uint8_t>(), any<std::uint8_t>(), any<std::uint8_t>()};
}

inline Ping any_ping() {
  return {any_number(), any_bytes(), any_addr(), any<std::uint16_t>(), any_bytes()};
}

inline NodeState any_node_state() {
  return {any_bytes(), any_addr(),   any<std::uint16_t>(),
          any_bytes(), any_number(), static_cast<NodeStatus>(*rc::gen::inRange(0, 4)),
          any_vsn()};
}

inline DatagramMessage any_datagram_message() {
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      return any_ping();
    case 1:
      return IndirectPing{any_number(), any_addr(), any<std::uint16_t>(), any_bytes(),
                          any<bool>(),  any_addr(), any<std::uint16_t>(), any_bytes()};
    case 2:
      return Ack{any_number(), any_bytes()};
    case 3:
      return Nack{any_number()};
    case 4:
      return Suspect{any_number(), any_bytes(), any_bytes()};
    case 5:
      return Alive{any_number(),         any_bytes(), any_addr(),
                   any<std::uint16_t>(), any_bytes(), any_vsn()};
    case 6:
      return Dead{any_number(), any_bytes(), any_bytes()};
    default:
      return UserMessage{any_bytes()};
  }
}

inline StreamMessage any_stream_message() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return any_ping();
    case 1:
      return Ack{any_number(), any_bytes()};
    case 2: {
      PushPull message{.join = any<bool>(), .user_state = any_bytes()};
      for (int left = *rc::gen::inRange(0, 6); left > 0; --left) {
        message.nodes.push_back(any_node_state());
      }
      return message;
    }
    case 3:
      return UserMessage{any_bytes()};
    default:
      return ErrorMessage{any_bytes()};
  }
}

}  // namespace kith::wire::gossip
