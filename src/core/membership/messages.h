// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

// What members say to each other, as plain values with memberlist's field names. The bytes are the
// business of wire/gossip. See "Membership" in docs/notes.md.
namespace kith::membership {

/// Where a node listens, for packets and streams alike. Compared byte by byte: the 4-byte and the
/// 16-byte form of one IPv4 address are different addresses to every member, so the bytes are kept
/// and passed on exactly as they came.
struct Address {
  std::string ip;  ///< 4 or 16 bytes.
  std::uint16_t port = 0;

  friend auto operator<=>(const Address&, const Address&) = default;
};

/// What a node understands: the protocol's minimum, maximum and current version, then the same of
/// the user data. All zero stands for "absent or cut short" and is refused.
using Versions = std::array<std::uint8_t, 6>;

enum class State : std::uint8_t { alive = 0, suspect = 1, dead = 2, left = 3 };

/// Are you `node`? An empty name asks whoever is there. The answer goes to the source, or where
/// that is empty to where the packet came from.
struct Ping {
  std::uint32_t seq_no = 0;
  std::string node;
  std::string source_addr = {};
  std::uint16_t source_port = 0;
  std::string source_node = {};
};

/// Ping `node` at `target` for me.
struct IndirectPing {
  std::uint32_t seq_no = 0;
  std::string target;
  std::uint16_t port = 0;
  std::string node;
  bool nack = false;  ///< Tell me too when it does not answer.
  std::string source_addr = {};
  std::uint16_t source_port = 0;
  std::string source_node = {};
};

struct Ack {
  std::uint32_t seq_no = 0;
  std::string payload = {};
};

/// The relay is well and has no answer to pass on.
struct Nack {
  std::uint32_t seq_no = 0;
};

struct Suspect {
  std::uint32_t incarnation = 0;
  std::string node;
  std::string from;
};

struct Alive {
  std::uint32_t incarnation = 0;
  std::string node;
  std::string addr;
  std::uint16_t port = 0;
  std::string meta = {};
  Versions vsn = {};
};

/// From the node itself: it left.
struct Dead {
  std::uint32_t incarnation = 0;
  std::string node;
  std::string from;
};

/// Bytes of the layer above.
struct User {
  std::string payload;
};

/// One member in a push/pull.
struct NodeState {
  std::string name;
  std::string addr;
  std::uint16_t port = 0;
  std::string meta = {};
  std::uint32_t incarnation = 0;
  State state = State::alive;
  Versions vsn = {};
};

/// All that a node knows. The answer is of the same shape, with the same `join`.
struct PushPull {
  bool join = false;
  std::vector<NodeState> nodes = {};
  std::string user_state = {};
};

/// What packets are made of.
using Message = std::variant<Ping, IndirectPing, Ack, Nack, Suspect, Alive, Dead, User>;
/// What is asked and answered on a stream. User has no answer.
using StreamMessage = std::variant<Ping, Ack, PushPull, User>;

template <class Claim>
Address address_of(const Claim& claim) {
  return {claim.addr, claim.port};
}

}  // namespace kith::membership
