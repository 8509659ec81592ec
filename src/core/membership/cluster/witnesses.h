// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/membership/actions.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"

namespace kith::membership {

/// Members that look after a suspect, and hear first of a process that is gone.
inline constexpr std::size_t kWitnesses = 8;

/// The living kith nodes, `about` not among them, with the highest rendezvous scores for it and
/// `number`: the same on all nodes that believe the same. O(members).
std::vector<const Member*> witnesses_of(const Members& members, std::string_view about,
                                        std::uint64_t number);
/// Whether this node is among them. Looks at all members only where it well may be.
bool is_witness(const Members& members, std::string_view about, std::uint64_t number);

/// Pings of suspects by this node as their witness. Pure; one thread.
class WitnessProbes {
 public:
  /// At once; suspects beyond are left to the others.
  static constexpr std::size_t kMost = 64;
  static constexpr int kAttempts = 2;

  struct Probe {
    std::string name;
    Address address;
    std::uint32_t incarnation = 0;
    std::uint32_t seq_no = 0;
  };

  /// Probes it over `span`. Null: there are too many. Valid until the next call.
  const Probe* begin(const Member& suspect, std::uint32_t incarnation, TimePoint now,
                     Duration span);
  /// It answered. False: that was to something else.
  bool on_ack(std::uint32_t seq_no);
  /// Nobody needs to know any more.
  void end(std::string_view name);

  struct Due {
    std::vector<Probe> again;
    std::vector<Probe> failed;
  };
  Due on_deadline(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  /// None fails, nor is tried again, before.
  void postpone(TimePoint at_least);

 private:
  struct Open {
    Probe probe;
    int attempts = 1;
    TimePoint due;
    Duration rest;
  };
  std::map<std::string, Open, std::less<>> open_;
  std::uint32_t last_ = 0;
};

}  // namespace kith::membership
