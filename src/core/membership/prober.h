// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/rng.h"
#include "core/membership/actions.h"
#include "core/membership/awareness.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"
#include "core/membership/options.h"
#include "core/membership/outbox.h"
#include "core/membership/sequence.h"
#include "core/membership/streams.h"

namespace kith::membership {

/// Asks one member after the other whether it is there: directly, then through others and by a
/// stream. At most one probe is under way. Pure; one thread.
class Prober {
 public:
  /// The references must outlive it.
  Prober(const Options& options, Members& members, Outbox& outbox, Streams& streams,
         Sequence& sequence, Awareness& awareness, Rng& rng);

  /// Begins the next probe, unless one is under way.
  void tick(TimePoint now, Actions& out);
  /// False when the answer was to something else.
  bool on_ack(std::uint32_t seq_no);
  void on_nack(std::uint32_t seq_no);
  /// The probe's ping over a stream was answered.
  void on_stream_ack(std::uint32_t seq_no);
  /// Asks others, or ends the probe. What a failed one accuses the member of.
  std::optional<Suspect> on_deadline(TimePoint now, Actions& out);

  std::optional<TimePoint> next_deadline() const;
  void postpone(Duration by);

 private:
  struct Probe {
    std::string node;
    Address address;
    Versions versions = {};
    std::uint32_t incarnation = 0;
    std::uint32_t seq_no = 0;
    int pings = 0;
    /// When it is pinged again, or others are asked; empty: they were.
    std::optional<TimePoint> next_step = {};
    TimePoint deadline = {};
    int expected_nacks = 0;
    int nacks = 0;
    bool stream_answered = false;
  };
  Ping ping_of(const Probe& probe) const;
  void ping(Probe& probe, const Member& member, TimePoint now, Actions& out);
  /// While nobody else was asked.
  void go_on(Probe& probe, TimePoint now, Actions& out);
  void ask_others(Probe& probe, Actions& out);
  std::optional<Suspect> conclude(const Probe& probe, Actions& out);
  bool is_current(std::uint32_t seq_no) const { return probe_ && probe_->seq_no == seq_no; }

  std::string name_;
  Address address_;
  Profile profile_;
  Members& members_;
  Outbox& outbox_;
  Streams& streams_;
  Sequence& sequence_;
  Awareness& awareness_;
  Rng& rng_;
  std::optional<Probe> probe_;
};

}  // namespace kith::membership
