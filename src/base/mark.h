// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace kith {

/// Rare branches that a batch of simulated seeds must reach, else the simulation proves nothing
/// about them. One line per mark; the simulator fails when one stays at zero.
enum class Mark : std::uint8_t {
  ask_joined,               ///< A caller shared a request already on its way to the owner.
  ask_second_generation,    ///< A caller had to wait for the next request instead.
  ask_redirected,           ///< A "not the owner" answer named another node, which was asked.
  ask_redirect_to_self,     ///< ... named the asking node itself.
  ask_redirects_exhausted,  ///< Two redirects did not find an owner.
  ask_stand_in,             ///< A stand-in was asked because the owner did not answer.
  ask_local_last_resort,    ///< No ranked node was left; the load ran on the asking node.
  ask_busy_retried,
  ask_last_waiter_left,
  ask_duplicate_reply,  ///< An answer to a request no longer known.
  ask_hedged,
  ask_hedge_won,
  flight_joined,
  flight_remote_joined,
  flight_guest,
  flight_first_waiter_left,
  flight_last_waiter_left,  ///< The load was cancelled.
  flight_timed_out,         ///< The loader did not answer in time.
  flight_late_answer,       ///< ... and answered after it was given up, or twice.
  flight_owner_moved,       ///< The view changed while the load ran.
  load_failed_stale_served,
  load_hold_off,
  load_queue_full,
  load_queue_lifo,
  load_early_refresh,
  peer_unreachable_by_link,
  peer_unreachable_by_silence,
  peer_back,
  peer_silence_forgiven,  ///< This node had stalled itself; its own timers are not evidence.
  count_
};

/// Counts of marks of one simulation, or of nothing.
class Marks {
 public:
  void hit(Mark mark) { ++counts_[static_cast<std::size_t>(mark)]; }
  std::uint64_t count(Mark mark) const { return counts_[static_cast<std::size_t>(mark)]; }

 private:
  std::uint64_t counts_[static_cast<std::size_t>(Mark::count_)] = {};
};

}  // namespace kith
