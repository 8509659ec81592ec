// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/membership/actions.h"
#include "core/membership/messages.h"
#include "core/membership/options.h"
#include "core/membership/outbox.h"
#include "core/membership/sequence.h"

namespace kith::membership {

/// Tells a node that moved from two nodes with one name. A claim that a name is at another address
/// leaves the question whether somebody still has the name at the old one; he is pinged there.
/// kith's addition to memberlist; nothing of it is new on the wire. Pure; one thread.
class Moves {
 public:
  /// The references must outlive it.
  Moves(const Options& options, Sequence& sequence, Outbox& outbox);

  /// Asks for `claim.node` at `address`, unless the same was asked a short time ago. Ends as one of
  /// the next two; or never, when too much is asked already.
  void question(const Alive& claim, const Address& address, TimePoint now, Actions& out);
  /// Somebody answered. The claim that he contradicts; empty: the answer was to something else.
  std::optional<Alive> on_ack(std::uint32_t seq_no, TimePoint now);
  /// Asks again. Returns the claims that nobody contradicted in time.
  std::vector<Alive> on_deadline(TimePoint now, Actions& out);

  std::optional<TimePoint> next_deadline() const;
  void postpone(Duration by);

 private:
  struct Question {
    Alive claim;
    Address address;
    std::uint32_t seq_no = 0;
    /// Empty: it was answered, or is over. Else when to ask again, or to conclude.
    std::optional<TimePoint> due = {};
    int asked = 0;
    /// Until then the same is not asked again.
    TimePoint remembered_until = {};
  };
  void ask(Question& question, Actions& out);

  Ping ping_;
  Duration timeout_;
  Duration remember_;
  Sequence& sequence_;
  Outbox& outbox_;
  std::map<std::string, Question> questions_;
};

}  // namespace kith::membership
