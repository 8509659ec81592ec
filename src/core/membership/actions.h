// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/membership/messages.h"

// What the membership asks of its driver, and what it tells.
namespace kith::membership {

/// An exchange that this node begins. Unique within its life.
using StreamId = StrongId<struct MembershipStreamTag, std::uint64_t>;
/// An exchange that another node began. Chosen by the driver.
using CallerId = StrongId<struct MembershipCallerTag, std::uint64_t>;
/// One call of Membership::join.
using JoinId = StrongId<struct MembershipJoinTag, std::uint64_t>;

/// One datagram. May be lost.
struct SendPacket {
  Address to;
  /// In one compound if they are several; at most 127.
  std::vector<Message> messages;
  /// The receiver is known to read a checksum.
  bool checksum = false;
};

/// Connect, send the request, read the answer, close. Ends as on_stream_reply or on_stream_failed,
/// once, soon after `deadline` at the latest.
struct OpenStream {
  StreamId stream;
  Address to;
  StreamMessage request;
  TimePoint deadline;
};

/// Answer the caller, and close.
struct ReplyToCaller {
  CallerId caller;
  StreamMessage reply;
};

/// Close without an answer.
struct RefuseCaller {
  CallerId caller;
};

/// Something changed about another node. Each node's events are: joined, then any of updated,
/// suspected and cleared, then failed or left; and again from the start.
struct MemberEvent {
  enum class Kind : std::uint8_t {
    joined,
    updated,    ///< Its meta or its address.
    suspected,  ///< It did not answer; still a member.
    cleared,    ///< It refuted that.
    failed,
    left,  ///< It said so itself.
  };
  Kind kind;
  std::string name;
  Address address;
  std::string meta;
  Versions versions;
  std::uint32_t incarnation = 0;
};

/// This node probed a member itself, in every way, and got no answer. It accuses it, in each such
/// case; suspected comes only with the first accusation by whomever.
struct ProbeFailed {
  std::string name;
  std::uint32_t incarnation = 0;
};

/// Two nodes want one name. The one at `known` has it.
struct NameConflict {
  std::string name;
  Address known;
  Address claimed;
};

/// A member answers on streams and not to packets, which something on the way may block.
struct PacketsUnanswered {
  std::string name;
  Address address;
};

/// A push/pull could not be merged, because somebody in the pool speaks what others do not
/// understand.
struct Incompatible {};

/// The layer above of another node has sent this.
struct UserReceived {
  std::string payload;
};
/// ... and this with a push/pull.
struct UserStateReceived {
  std::string state;
  bool join = false;
};

/// All addresses of a join have answered or failed.
struct JoinEnded {
  JoinId join;
  std::size_t reached = 0;  ///< Zero: the join failed.
};

/// The others were told as often as news is, or the time for it ran out: the process may end.
struct LeaveEnded {};

using Action = std::variant<SendPacket, OpenStream, ReplyToCaller, RefuseCaller, MemberEvent,
                            ProbeFailed, NameConflict, PacketsUnanswered, Incompatible,
                            UserReceived, UserStateReceived, JoinEnded, LeaveEnded>;
/// In order of execution. Reused between inputs by the driver.
using Actions = std::vector<Action>;

}  // namespace kith::membership
