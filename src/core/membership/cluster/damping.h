// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/membership/cluster/notices.h"

namespace kith::membership {

/// Keeps members that fail and come back again and again from owning keys: each return costs
/// kPerReturn, which halves every kHalfLife; above kOut the member is out until it is below kIn.
/// Members that are out are told to others, since who joined later has not seen them flap. Pure;
/// one thread.
class Damping {
 public:
  static constexpr double kPerReturn = 1000;
  static constexpr double kOut = 2500;
  static constexpr double kIn = 750;
  /// So nobody is out for longer than log2(4000 / 750) half-lives, 145 s.
  static constexpr double kMost = 4000;
  static constexpr Duration kHalfLife = std::chrono::seconds(60);
  /// Members remembered; of further ones nothing is counted.
  static constexpr std::size_t kMostMembers = 1024;

  /// It had failed. True: it is out from now on.
  bool on_returned(std::string_view name, TimePoint now);
  /// Somebody says that it is out. True: it is so from now on.
  bool on_told(std::string_view name, double penalty, TimePoint now);

  bool out(std::string_view name) const;
  std::size_t out_count() const { return out_; }
  std::vector<Flapping> all_out(TimePoint now) const;
  double penalty(std::string_view name, TimePoint now) const;

  /// Lets in who is below kIn. True: somebody was.
  bool on_deadline(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Record {
    double penalty = 0;
    TimePoint at;
    bool out = false;
  };
  static double decayed(const Record& record, TimePoint now);
  Record* record(std::string_view name, TimePoint now);
  bool judge(Record& record);

  std::map<std::string, Record, std::less<>> records_;
  std::size_t out_ = 0;
};

}  // namespace kith::membership
