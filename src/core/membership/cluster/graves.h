// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "core/membership/messages.h"

namespace kith::membership {

/// Members that failed without leaving. Behind a network that fell apart they live, and take this
/// node for dead: they are asked for again and again, so that the parts find each other whenever
/// the network heals. memberlist forgets them after half a minute. Pure; one thread.
class Graves {
 public:
  static constexpr Duration kYoung = std::chrono::minutes(10);
  /// Between contacts while one is young, and when none is.
  static constexpr Duration kOften = std::chrono::seconds(5);
  static constexpr Duration kSeldom = std::chrono::seconds(30);
  /// Who was reached and is not believed to live yet, since what both sides believe has to be
  /// refuted first.
  static constexpr Duration kSoon = std::chrono::seconds(1);
  static constexpr int kMostSoon = 5;
  static constexpr Duration kKept = std::chrono::hours(24);
  /// The longest dead gives way. Any one of many is enough to find the others again.
  static constexpr std::size_t kMost = 512;

  /// `rng` must outlive it.
  explicit Graves(Rng& rng) : rng_(rng) {}

  void on_failed(std::string_view name, const Address& address, TimePoint now);
  /// It is a member again, or left. Whether it had a grave.
  bool on_over(std::string_view name);
  bool contains(std::string_view name) const { return graves_.contains(name); }
  std::size_t size() const { return graves_.size(); }

  /// Whom to ask for now, if anybody: a name, and where it was.
  std::optional<std::pair<std::string, Address>> due(TimePoint now);
  /// Somebody answered there.
  void on_reached(std::string_view name, TimePoint now);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Grave {
    Address address;
    TimePoint died;
    int reached = 0;
  };
  Duration jittered(Duration wait);

  Rng& rng_;
  std::map<std::string, Grave, std::less<>> graves_;
  TimePoint contact_at_;
  /// When one that is not young may be asked for again.
  TimePoint old_at_;
  /// To be asked for next.
  std::optional<std::string> reached_;
};

}  // namespace kith::membership
