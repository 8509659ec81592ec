// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"

namespace kith::membership {

/// Addresses of one discovery that count.
inline constexpr std::size_t kMaxSeeds = 4096;

/// Which of the addresses that discovery knows to contact, and when. Several at once and again soon
/// while this node is alone; else now and then one that is not among the living members, so that
/// islands which formed when everybody started at once find each other. Pure; one thread.
class Seeds {
 public:
  /// `rng` must outlive it.
  explicit Seeds(Rng& rng) : rng_(rng) {}

  /// The whole list. What is known of addresses that stay is kept.
  void set(std::span<const Address> addresses, const Members& members, TimePoint now);

  // What happens to the pool.
  void on_member(std::string_view name, const Address& address);
  void on_member_gone(std::string_view name);
  /// This node has nobody any more.
  void on_alone(TimePoint now);

  /// Whom to contact. Each ends as one of the next three, if it is still on the list.
  std::vector<Address> due(bool alone, TimePoint now);
  /// `news`: it led to members who were not known.
  void on_reached(const Address& address, bool news, TimePoint now);
  void on_failed(const Address& address, bool alone, TimePoint now);
  /// It was this node itself. Remembered, also when the address comes again.
  void on_self(const Address& address);

  std::optional<TimePoint> next_deadline() const;

 private:
  struct Seed {
    TimePoint next_at;
    /// What the last wait was, for the next to be longer.
    Duration waited = Duration::zero();
    bool open = false;
    bool member = false;
  };
  using Entries = std::map<Address, Seed>;
  void set_member(Seed& seed, bool member);
  void wait_longer(Seed& seed, Duration least, Duration most, TimePoint now);
  Duration jittered(Duration wait);

  Rng& rng_;
  Entries seeds_;
  /// The living members among the seeds.
  std::map<std::string, Address, std::less<>> members_;
  std::set<Address> own_;
  /// Seeds that are no members.
  std::size_t strangers_ = 0;
  std::size_t open_ = 0;
  TimePoint round_at_;
};

}  // namespace kith::membership
