// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/value.h>
#include <kith/version.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ids.h"

// The messages of the peer link as structs. Bytes: codec.h and docs/protocol.md.
//
// String views and keys are borrowed: in a decoded message from the received bytes, in one to be
// sent from its sender, who keeps them alive until it is encoded. Values are handles as everywhere.
// Comparisons compare what strings and values hold.
namespace kith::wire::peer {

inline constexpr std::uint16_t kProtocolVersion = 1;
inline constexpr std::uint16_t kOldestProtocolVersion = 1;

/// Matches a reply to its request. Unique among the requests of one sender since its start.
using RequestId = std::uint64_t;

/// W3C trace context of a request: version, trace id, parent id, flags, as the 55-character header
/// spells them in hexadecimal.
using TraceContext = std::array<std::uint8_t, 26>;

/// First frame of the dialing side.
struct Hello {
  std::uint16_t oldest_version = kOldestProtocolVersion;
  std::uint16_t newest_version = kProtocolVersion;
  /// Which of the accepting node's loops the connection is for.
  std::uint16_t slice = 0;
  BootId boot = {};
  /// The dialing node's name.
  std::string_view name = {};
  /// Whom it means to reach; the accepting node refuses when that is not its name.
  std::string_view target = {};

  friend bool operator==(const Hello&, const Hello&) = default;
};

/// The accepting side's answer to Hello; to refuse, it answers Failure and closes.
struct HelloOk {
  std::uint16_t version = kProtocolVersion;
  /// Loops of the accepting node: each owns an equal range of slots and has connections of its own.
  std::uint16_t slices = 1;
  BootId boot = {};
  std::string_view name = {};

  friend bool operator==(const HelloOk&, const HelloOk&) = default;
};

/// Are you there? Answered at once with Pong.
struct Ping {
  RequestId request = 0;

  friend bool operator==(const Ping&, const Ping&) = default;
};
struct Pong {
  RequestId request = 0;

  friend bool operator==(const Pong&, const Pong&) = default;
};

/// Asks for a key's value.
struct Get {
  RequestId request = 0;
  /// Low half of the sender's ViewId.
  std::uint32_t view = 0;
  /// Microseconds that the sender will still wait. Zero: already too late.
  std::uint32_t budget_us = 0;
  /// Redirects followed so far.
  std::uint8_t hops = 0;
  /// Answer from memory or with Miss; do not load.
  bool no_load = false;
  /// The owner does not answer: load in its place (a stand-in), and keep the value only shortly.
  bool guest = false;
  CacheId cache = {};
  std::string_view key = {};
  std::optional<TraceContext> trace = {};

  friend bool operator==(const Get&, const Get&) = default;
};

/// The sender of Get no longer waits. Not answered.
struct Cancel {
  RequestId request = 0;

  friend bool operator==(const Cancel&, const Cancel&) = default;
};

struct ValueReply {
  RequestId request = 0;
  std::uint32_t view = 0;
  /// How busy the answering node is: 0 idle, 255 saturated.
  std::uint8_t load_hint = 0;
  /// The key has no value; `value` is empty.
  bool negative = false;
  /// Expired, and served because the loader failed.
  bool stale = false;
  /// From a stand-in.
  bool guest = false;
  /// A loader ran for this request; else it was in memory.
  bool loaded = false;
  Version version = {};
  /// Milliseconds that the value may still be served; kNoTtl: until evicted.
  std::uint32_t ttl_ms = 0;
  Value value = {};

  friend bool operator==(const ValueReply&, const ValueReply&) = default;
};
inline constexpr std::uint32_t kNoTtl = 0xffff'ffff;

/// Answer to Get with no_load when the key is not in memory.
struct Miss {
  RequestId request = 0;

  friend bool operator==(const Miss&, const Miss&) = default;
};

/// The receiver does not own the key in its view, or will not serve it.
struct NotOwner {
  enum class Reason : std::uint8_t {
    not_mine = 0,       ///< `hint` owns it in the receiver's view.
    unknown_cache = 1,  ///< The receiver has not opened the cache.
    draining = 2,       ///< The receiver is about to stop.
  };
  RequestId request = 0;
  Reason reason = Reason::not_mine;
  ViewId view = {};
  NodeId hint = {};

  friend bool operator==(const NotOwner&, const NotOwner&) = default;
};

/// Too much to do; nothing was done.
struct Busy {
  RequestId request = 0;
  std::uint32_t retry_after_us = 0;

  friend bool operator==(const Busy&, const Busy&) = default;
};

/// The request failed for good; asking another node would not help.
struct Failure {
  RequestId request = 0;
  ErrorCode code = ErrorCode::internal;
  bool state_changed = false;
  std::string_view message = {};

  friend bool operator==(const Failure&, const Failure&) = default;
};

using Message = std::variant<Hello, HelloOk, Ping, Pong, Get, Cancel, ValueReply, Miss, NotOwner,
                             Busy, Failure>;

}  // namespace kith::wire::peer
