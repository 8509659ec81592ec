// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "core/membership/cluster/allowance.h"
#include "core/membership/cluster/doubts.h"
#include "core/membership/cluster/notices.h"
#include "core/membership/cluster/witnesses.h"
#include "core/membership/membership.h"

namespace kith::membership {

/// Finds out sooner than memberlist whom requests had better not wait for: *unreachable* on the
/// word of three nodes that probed it, or of two whose connections it closed. Only the ordinary
/// claims of memberlist follow from it for others, and whoever lives can refute them. Pure; one
/// thread.
class Evidence {
 public:
  /// The references must outlive it. What it asks for and causes there is added to `asked`.
  Evidence(const Options& options, Membership& membership, Rng& rng)
      : options_(options), membership_(membership), rng_(rng) {}

  /// This node's own links say so.
  void on_process_gone(std::string_view name, BootId boot, TimePoint now, Actions& asked);
  void on_notice(const ProcessGone& gone, TimePoint now, Actions& asked);
  void on_notice(const Accused& accused, TimePoint now, Actions& asked);

  // What happens to the membership.
  void on_probe_failed(const ProbeFailed& failed, TimePoint now, Actions& asked);
  void on_suspected(const MemberEvent& event, TimePoint now, Actions& asked);
  /// The member refuted, is another process now, or is a member no more. Whether it was told to be
  /// unreachable.
  bool on_doubt_over(std::string_view name);
  /// A message that is not the membership's own answer.
  void on_ack(const Ack& ack) { probes_.on_ack(ack.seq_no); }

  void on_deadline(TimePoint now, Actions& asked);
  std::optional<TimePoint> next_deadline() const;

  const Doubts& doubts() const { return doubts_; }
  /// Those that have become unreachable since the last call.
  std::vector<std::string> take_unreachable() { return std::exchange(became_unreachable_, {}); }

 private:
  /// A living member whose word counts, or of whom one may be said. Null: there is none of the
  /// name.
  const Member* living(std::string_view name) const;
  const Member* living_kith(std::string_view name) const;
  void accuse(const Member& member, std::uint32_t incarnation, std::string_view accuser,
              TimePoint now, Actions& asked);
  void weigh(const std::string& name, TimePoint now, Actions& asked);
  void claim(Message claim, TimePoint now, Actions& asked);
  void spread(std::string_view kind, const std::string& name, const Notice& notice);
  void send(const Address& to, std::vector<Message> messages, Actions& asked) const;
  void ping(const WitnessProbes::Probe& probe, Actions& asked) const;
  Duration patience() const;

  Options options_;
  Membership& membership_;
  Rng& rng_;
  Doubts doubts_;
  WitnessProbes probes_;
  /// Of changes that others' notices may cause.
  Allowance allowance_{200, 400};
  std::vector<std::string> became_unreachable_;
};

}  // namespace kith::membership
