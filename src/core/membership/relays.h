// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <map>
#include <optional>

#include "core/membership/actions.h"
#include "core/membership/messages.h"
#include "core/membership/options.h"
#include "core/membership/outbox.h"
#include "core/membership/sequence.h"

namespace kith::membership {

/// Pings others on behalf of members that get no answer from them. Pure; one thread.
class Relays {
 public:
  /// The references must outlive it.
  Relays(const Options& options, Sequence& sequence, Outbox& outbox);

  /// `source` is where the packet came from.
  void on_request(const IndirectPing& request, const Address& source, TimePoint now, Actions& out);
  /// Passes the answer on. False when it was to something else.
  bool on_ack(std::uint32_t seq_no, Actions& out);
  void on_deadline(TimePoint now, Actions& out);

  std::optional<TimePoint> next_deadline() const;
  void postpone(Duration by);

 private:
  struct Relay {
    Address requester;
    std::uint32_t requested_seq_no = 0;
    Ping ping;
    Address target;
    /// When the target is pinged once more; empty: it is not.
    std::optional<TimePoint> again_at = {};
    /// When the requester is told that there is no answer; empty: he was told, or did not ask to.
    std::optional<TimePoint> nack_at = {};
    TimePoint ends;
  };

  Ping ping_;
  Duration timeout_;
  Duration nack_after_;
  bool twice_;
  Sequence& sequence_;
  Outbox& outbox_;
  /// By the number of this node's ping.
  std::map<std::uint32_t, Relay> relays_;
};

}  // namespace kith::membership
