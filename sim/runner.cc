// SPDX-License-Identifier: Apache-2.0
#include "sim/runner.h"

#include "sim/simulation.h"

namespace kith::sim {

Outcome run(std::uint64_t seed, const Scenario& scenario, Views& views, std::ostream* text) {
  Simulation sim(seed, views, text);
  const TimePoint begin = sim.now();
  scenario.run(sim);
  sim.finish();
  Outcome outcome;
  outcome.seed = seed;
  outcome.scenario = &scenario;
  outcome.findings = sim.findings();
  outcome.trace_hash = sim.trace().hash();
  outcome.marks = sim.marks();
  outcome.simulated = sim.now() - begin;
  outcome.requests = sim.requests().size();
  outcome.loads = sim.origin().loads().size();
  outcome.messages = sim.network().messages();
  return outcome;
}

std::string_view to_string(Mark mark) {
  switch (mark) {
    case Mark::ask_joined:
      return "ask_joined";
    case Mark::ask_second_generation:
      return "ask_second_generation";
    case Mark::ask_redirected:
      return "ask_redirected";
    case Mark::ask_redirect_to_self:
      return "ask_redirect_to_self";
    case Mark::ask_redirects_exhausted:
      return "ask_redirects_exhausted";
    case Mark::ask_stand_in:
      return "ask_stand_in";
    case Mark::ask_local_last_resort:
      return "ask_local_last_resort";
    case Mark::ask_busy_retried:
      return "ask_busy_retried";
    case Mark::ask_last_waiter_left:
      return "ask_last_waiter_left";
    case Mark::ask_duplicate_reply:
      return "ask_duplicate_reply";
    case Mark::ask_hedged:
      return "ask_hedged";
    case Mark::ask_hedge_won:
      return "ask_hedge_won";
    case Mark::flight_joined:
      return "flight_joined";
    case Mark::flight_remote_joined:
      return "flight_remote_joined";
    case Mark::flight_guest:
      return "flight_guest";
    case Mark::flight_first_waiter_left:
      return "flight_first_waiter_left";
    case Mark::flight_last_waiter_left:
      return "flight_last_waiter_left";
    case Mark::flight_timed_out:
      return "flight_timed_out";
    case Mark::flight_late_answer:
      return "flight_late_answer";
    case Mark::flight_owner_moved:
      return "flight_owner_moved";
    case Mark::load_failed_stale_served:
      return "load_failed_stale_served";
    case Mark::load_hold_off:
      return "load_hold_off";
    case Mark::load_queue_full:
      return "load_queue_full";
    case Mark::load_queue_lifo:
      return "load_queue_lifo";
    case Mark::load_early_refresh:
      return "load_early_refresh";
    case Mark::peer_unreachable_by_link:
      return "peer_unreachable_by_link";
    case Mark::peer_unreachable_by_silence:
      return "peer_unreachable_by_silence";
    case Mark::peer_back:
      return "peer_back";
    case Mark::peer_silence_forgiven:
      return "peer_silence_forgiven";
    case Mark::count_:
      break;
  }
  return "unknown";
}

void add(MarkCounts& sum, const Marks& marks) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += marks.count(static_cast<Mark>(i));
}

std::vector<Mark> missed_marks(const MarkCounts& counts) {
  std::vector<Mark> missed;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) missed.push_back(static_cast<Mark>(i));
  }
  return missed;
}

}  // namespace kith::sim
