// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/pool/checkers/checker.h"
#include "sim/pool/machine.h"

namespace kith::sim::pool {

class Pool;

/// What a scenario is told.
struct Setting {
  Variant variant = Variant::kith;
  std::size_t nodes = 100;
  std::uint64_t seed = 1;
  bool lifeguard = true;
  /// Of packets and segments, where the scenario has loss.
  double loss = 0;
  /// Of virtual time, where the scenario goes on and on.
  double hours = 1;
};

/// What came out of a run.
struct Outcome {
  /// By name, in the order of the scenario.
  std::vector<std::pair<std::string, double>> numbers;
  /// What checkers found that must never be: for either variant.
  Findings findings;
  /// What kith promises and this run broke. memberlist promises none of it.
  Findings broken;
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;

  void number(std::string name, double value) { numbers.emplace_back(std::move(name), value); }
  void always(const Checker& checker) { append(findings, checker); }
  void promised(const Checker& checker) { append(broken, checker); }
  void finish(const Pool& pool);

 private:
  static void append(Findings& to, const Checker& checker) {
    to.insert(to.end(), checker.findings().begin(), checker.findings().end());
  }
};

struct Scenario {
  std::string_view name;
  std::string_view about;
  Outcome (*run)(const Setting&);
};

std::span<const Scenario> scenarios();
/// Null: no such scenario.
const Scenario* find_scenario(std::string_view name);

double seconds(Duration duration);
/// Seconds that have to be shown, of something that did not happen in time.
inline constexpr double kNever = 1e9;

// One file each.
Outcome host_vanishes(const Setting& setting);
Outcome process_killed(const Setting& setting);
Outcome lossy_hours(const Setting& setting);
Outcome short_pauses(const Setting& setting);
Outcome paused_members(const Setting& setting);
Outcome tight_pauses(const Setting& setting);
Outcome idle(const Setting& setting);
Outcome join_spreads(const Setting& setting);
Outcome change_spreads(const Setting& setting);
Outcome halves(const Setting& setting);
Outcome partition_shapes(const Setting& setting);
Outcome new_address(const Setting& setting);
Outcome swapped_addresses(const Setting& setting);
Outcome renamed_fifth(const Setting& setting);
Outcome newcomer(const Setting& setting);
Outcome rack_dies(const Setting& setting);
Outcome bad_pair(const Setting& setting);
Outcome key_rotation(const Setting& setting);
Outcome cold_start(const Setting& setting);
Outcome rolling_restart(const Setting& setting);
Outcome clock_jumps(const Setting& setting);

}  // namespace kith::sim::pool
