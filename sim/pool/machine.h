// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/ids.h"
#include "core/membership/actions.h"
#include "core/membership/members.h"
#include "core/membership/options.h"

namespace kith::sim::pool {

/// What a node is made of.
enum class Variant : std::uint8_t {
  /// The production membership with all that kith adds.
  kith,
  /// The same code restricted to what memberlist does by its defaults for a local network.
  memberlist,
};

/// What a node believes of another, as it tells its user.
struct Told {
  enum class Kind : std::uint8_t {
    joined,
    updated,
    suspected,
    cleared,
    unreachable,  ///< Of kith alone.
    reachable,
    failed,
    left,
  };
  Kind kind;
  const std::string& name;
  const membership::Address& address;
};

/// Stands where the driver stands: executes what a machine asks for, and hears what it tells.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void send(membership::SendPacket& packet) = 0;
  virtual void open(membership::OpenStream& stream) = 0;
  virtual void reply(membership::ReplyToCaller& reply) = 0;
  virtual void refuse(const membership::RefuseCaller& refuse) = 0;
  virtual void tell(const Told& told) = 0;
  /// Two nodes want one name.
  virtual void conflict(const membership::NameConflict& conflict) = 0;
  /// Who owns the keys has changed: what a new view is built from.
  virtual void owners_changed(std::size_t owners) = 0;
  virtual void leave_ended() = 0;
};

/// Who a node is.
struct Identity {
  std::string name;
  membership::Address address;
  /// New at every start.
  BootId boot = {};
  std::uint64_t seed = 0;
  /// Whether it owns keys of a cache, and is told who else does.
  bool owns_keys = false;
};

/// One node's membership, of either variant. Every input ends with what it led to, in `sink`.
class Machine {
 public:
  virtual ~Machine() = default;

  virtual void recall(std::span<const membership::NodeState> pool, TimePoint now, Sink& sink) = 0;
  /// The addresses that discovery knows.
  virtual void seeds(std::span<const membership::Address> seeds, TimePoint now, Sink& sink) = 0;
  virtual void leave(TimePoint now, Duration patience, Sink& sink) = 0;
  /// Something about the node that all others have to learn.
  virtual void change_meta(TimePoint now, Sink& sink) = 0;
  /// This node's link to that boot of the peer broke, and connecting again was refused.
  virtual void process_gone(const std::string& name, BootId boot, TimePoint now, Sink& sink) = 0;

  virtual void on_packet(const membership::Address& source,
                         std::span<const membership::Message> messages, TimePoint now,
                         Sink& sink) = 0;
  virtual void on_caller(membership::CallerId caller, const membership::StreamMessage& request,
                         TimePoint now, Sink& sink) = 0;
  virtual void on_stream_reply(membership::StreamId stream, const membership::StreamMessage& reply,
                               TimePoint now, Sink& sink) = 0;
  virtual void on_stream_failed(membership::StreamId stream, TimePoint now, Sink& sink) = 0;
  virtual void on_deadline(TimePoint now, Sink& sink) = 0;
  virtual TimePoint next_deadline() const = 0;

  virtual const membership::Members& members() const = 0;
};

/// A node with the variant's rules and timing. `lifeguard` off: no doubt of the own health, and
/// suspects get the shortest time at once.
std::unique_ptr<Machine> make_machine(Variant variant, const Identity& identity, bool lifeguard,
                                      TimePoint now);

}  // namespace kith::sim::pool
