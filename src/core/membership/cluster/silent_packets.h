// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "core/membership/cluster/cluster_actions.h"
#include "core/membership/messages.h"

namespace kith::membership {

/// Members that answer on streams alone. The operator is told once of each, and once of all when
/// they are most; and they get the news by exchanges on streams. Pure; one thread.
class SilentPackets {
 public:
  /// Between exchanges with one member, while there is news.
  static constexpr Duration kExchange = std::chrono::seconds(1);
  static constexpr std::size_t kExchangesAtOnce = 3;
  /// The same is not said again sooner.
  static constexpr Duration kSilence = std::chrono::minutes(10);

  /// `rng` must outlive it. A member that is probed every `interval` at a pool's size of one, and
  /// answers to packets by then, is forgotten after some rounds.
  SilentPackets(Duration interval, Rng& rng) : interval_(interval), rng_(rng) {}

  /// `others`: the living members.
  std::optional<Warning> on_unanswered(std::string_view name, const Address& address,
                                       std::size_t others, TimePoint now);
  void on_gone(std::string_view name) { forget(name); }
  /// Something is to be told.
  void on_news() { ++news_; }

  /// With whom to exchange everything.
  std::vector<Address> due(std::size_t others, TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  bool empty() const { return members_.empty(); }

 private:
  struct Entry {
    Address address;
    TimePoint last;
    std::uint64_t told = 0;
  };
  void forget(std::string_view name);

  Duration interval_;
  Rng& rng_;
  std::map<std::string, Entry, std::less<>> members_;
  /// When each was warned of last. Kept beyond its time among the members.
  std::map<std::string, TimePoint, std::less<>> warned_;
  std::optional<TimePoint> warned_of_all_;
  std::uint64_t news_ = 0;
  TimePoint exchange_at_;
};

}  // namespace kith::membership
