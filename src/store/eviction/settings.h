// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kith::store {

/// Uses of an entry that are counted; a count that is full is not written again.
inline constexpr std::uint8_t kMaxUses = 3;

/// What makes the rules (rules.h) behave like one known policy or another.
struct Settings {
  /// Of the capacity in bytes, for the small queue. The main queue has the rest.
  double small_share;
  /// Uses that an entry needs, when it comes to the end of small, to be considered for main.
  std::uint8_t promote_uses;
  /// Entries of main that a newcomer may challenge for a place. Few: what has proved itself stays.
  int duel_steps;
  /// Whether what leaves main is remembered too.
  bool ghost_main;
  /// Small is a CLOCK of its own: what was used stays in it.
  bool recirculate;
};

/// The settings that a cache chooses from; it begins with the first. Not the optima of any traces,
/// but the corners of what the rules can do.
inline constexpr int kAnyNumber = 64;
inline constexpr std::uint8_t kNever = kMaxUses + 1;
inline constexpr std::array<Settings, 6> kExperts{{
    {0.01, 1, kAnyNumber, false, false},  // As LIRS: loops and scans.
    {0.01, 1, 1, false, false},           // The same, slow to change main: lasting popularity.
    {0.10, 1, kAnyNumber, false, false},  // S3-FIFO.
    {0.25, kNever, 1, false, false},      // 2Q: uses shortly after the first do not count.
    {0.90, 1, 2, true, false},            // Nearly FIFO; main has what came back.
    {1.00, 1, kAnyNumber, false, true},   // CLOCK: how recent it is, and nothing else.
}};

}  // namespace kith::store
