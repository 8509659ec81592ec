// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The messages of HashiCorp memberlist as structs: SWIM with Lifeguard, push/pull, user data.
// Bytes: codec.h for one message, packet.h for datagrams, stream.h for connections.
//
// What a peer wrote is kept as it is. Whether a name may be empty, an address has a sensible
// length or versions fit together is for the membership to say.
namespace kith::wire::gossip {

/// The first byte of every message and envelope. The numbers are memberlist's.
enum class MessageType : std::uint8_t {
  ping = 0,
  indirect_ping = 1,
  ack = 2,
  suspect = 3,
  alive = 4,
  dead = 5,
  push_pull = 6,
  compound = 7,
  user = 8,
  compress = 9,
  encrypt = 10,
  nack = 11,
  crc = 12,
  error = 13,
  label = 244,
};

/// What a node speaks: of memberlist's protocol, and of the delegate's (Serf, for one). Features
/// depend on protocol_max: 3 TCP pings, 4 nacks, 5 the CRC envelope. protocol_current chooses no
/// more than the version of the encryption.
struct Vsn {
  std::uint8_t protocol_min = 1;
  std::uint8_t protocol_max = 5;
  std::uint8_t protocol_current = 2;
  std::uint8_t delegate_min = 0;
  std::uint8_t delegate_max = 0;
  std::uint8_t delegate_current = 0;

  friend bool operator==(const Vsn&, const Vsn&) = default;
};

// Every `addr` and `target` has the bytes that the peer sent: 4 of IPv4, or 16 of IPv6 or of an
// IPv4 address mapped into it. The forms of one address are different addresses to memberlist, so
// they are converted for the socket only. Empty: absent.

/// Are you there? Answered with Ack.
struct Ping {
  std::uint32_t seq_no = 0;
  /// Who is meant; others do not answer. Empty: whoever receives it.
  std::string node = {};
  /// Where the answer goes, if not to where the datagram came from.
  std::string source_addr = {};
  std::uint16_t source_port = 0;
  std::string source_node = {};

  friend bool operator==(const Ping&, const Ping&) = default;
};

/// Ping `target` for me.
struct IndirectPing {
  std::uint32_t seq_no = 0;
  std::string target = {};
  std::uint16_t port = 0;
  std::string node = {};
  /// Tell me with Nack when it does not answer.
  bool nack = false;
  std::string source_addr = {};
  std::uint16_t source_port = 0;
  std::string source_node = {};

  friend bool operator==(const IndirectPing&, const IndirectPing&) = default;
};

struct Ack {
  std::uint32_t seq_no = 0;
  std::string payload = {};

  friend bool operator==(const Ack&, const Ack&) = default;
};

/// Answer to IndirectPing: the relay is well, and the target has not answered it.
struct Nack {
  std::uint32_t seq_no = 0;

  friend bool operator==(const Nack&, const Nack&) = default;
};

/// `from` has not been able to reach `node` as of this incarnation.
struct Suspect {
  std::uint32_t incarnation = 0;
  std::string node = {};
  std::string from = {};

  friend bool operator==(const Suspect&, const Suspect&) = default;
};

struct Alive {
  std::uint32_t incarnation = 0;
  std::string node = {};
  std::string addr = {};
  std::uint16_t port = 0;
  /// The application's bytes about the node; at most 512 from a well-behaved owner.
  std::string meta = {};
  /// Absent when the peer sent fewer than six bytes. One to five are never written: they make
  /// memberlist before and at 0.6.0 exit.
  std::optional<Vsn> vsn = {};

  friend bool operator==(const Alive&, const Alive&) = default;
};

/// `node` is gone; it left by itself if `from` is its own name.
struct Dead {
  std::uint32_t incarnation = 0;
  std::string node = {};
  std::string from = {};

  friend bool operator==(const Dead&, const Dead&) = default;
};

/// The application's bytes.
struct UserMessage {
  std::string payload = {};

  friend bool operator==(const UserMessage&, const UserMessage&) = default;
};

/// Why the acceptor could not read a request's outermost layer.
struct ErrorMessage {
  std::string error = {};

  friend bool operator==(const ErrorMessage&, const ErrorMessage&) = default;
};

enum class NodeStatus : std::uint8_t {
  alive = 0,
  suspect = 1,
  dead = 2,
  left = 3,
  unknown = 255,  ///< A number of a later version. Never written.
};

/// What a node knows of another, or of itself.
struct NodeState {
  std::string name = {};
  std::string addr = {};
  std::uint16_t port = 0;
  std::string meta = {};
  std::uint32_t incarnation = 0;
  NodeStatus status = NodeStatus::alive;
  /// As in Alive.
  std::optional<Vsn> vsn = {};

  friend bool operator==(const NodeState&, const NodeState&) = default;
};

/// All that a node knows, both as a request and as the answer to one.
struct PushPull {
  bool join = false;
  std::vector<NodeState> nodes = {};
  /// The application's bytes.
  std::string user_state = {};

  friend bool operator==(const PushPull&, const PushPull&) = default;
};

/// What datagrams carry, alone or several together.
using DatagramMessage =
    std::variant<Ping, IndirectPing, Ack, Nack, Suspect, Alive, Dead, UserMessage>;

/// What one side of a connection says; each says one at most.
using StreamMessage = std::variant<Ping, Ack, PushPull, UserMessage, ErrorMessage>;

}  // namespace kith::wire::gossip
