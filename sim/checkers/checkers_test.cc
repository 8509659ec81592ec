// SPDX-License-Identifier: Apache-2.0
// Each checker is shown a history that keeps its invariant and one that breaks it: a checker that
// cannot fail proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <vector>

#include "sim/checkers/at_most_two_loads.h"
#include "sim/checkers/deadline_respected.h"
#include "sim/checkers/ends_exactly_once.h"
#include "sim/checkers/everyone_served.h"
#include "sim/checkers/exactly_one_load.h"
#include "sim/checkers/last_one_out.h"
#include "sim/checkers/nothing_wedged.h"
#include "sim/checkers/one_value_per_key.h"
#include "sim/checkers/stand_in_convergence.h"
#include "sim/checkers/values_belong_to_keys.h"
#include "sim/checkers/waiter_isolation.h"

namespace kith::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TimePoint at(int ms) { return TimePoint(milliseconds(ms)); }

/// Feeds a checker a history by hand.
template <class C>
class History {
 public:
  template <class... Arguments>
  explicit History(Arguments&&... arguments)
      : checker_(findings_, std::forward<Arguments>(arguments)...) {}

  /// A request that begins at `ms` and has one second.
  Request& get(std::size_t key = 0, NodeIndex node = 0, int ms = 0) {
    Request& request = requests_.emplace_back();
    request.ticket = fetch::Ticket{requests_.size()};
    request.node = node;
    request.key = key;
    request.issued = at(ms);
    request.deadline = at(ms + 1000);
    checker_.on_get(request);
    return request;
  }
  void end(Request& request, const Result<fetch::Answer>& result, int ms) {
    checker_.on_ended(request, result, at(ms));
    request.ended = at(ms);
  }
  Load& load(std::size_t key, NodeIndex node, int ms) {
    Load& load = loads_.emplace_back();
    load.serial = loads_.size();
    load.key = key;
    load.node = node;
    load.started = at(ms);
    checker_.on_load_started(load);
    return load;
  }
  void answered(Load& load, int ms) {
    load.answered = at(ms);
    checker_.on_load_answered(load);
  }
  void cancelled(Load& load, int ms) {
    load.cancelled = at(ms);
    checker_.on_load_cancelled(load);
  }
  void finish(const std::vector<Remains>& remains = {}, int ms = 9000) {
    checker_.on_finish(remains, at(ms));
  }
  C& checker() { return checker_; }
  const Findings& findings() const { return findings_; }

 private:
  Findings findings_;
  std::deque<Request> requests_;
  std::deque<Load> loads_;
  C checker_;
};

const fetch::Answer kAbsent;

Result<fetch::Answer> failed(ErrorCode code) { return fail(code, "because"); }

TEST(ExactlyOneLoad, AcceptsOne) {
  History<ExactlyOneLoad> history;
  history.get();
  history.load(0, 0, 1);
  history.finish();
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(ExactlyOneLoad, FindsNone) {
  History<ExactlyOneLoad> history;
  history.get();
  history.finish();
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(ExactlyOneLoad, FindsTwo) {
  History<ExactlyOneLoad> history;
  history.get();
  history.load(0, 0, 1);
  history.load(0, 1, 2);
  history.finish();
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(AtMostTwoLoads, AcceptsTwoAndFindsTheThird) {
  History<AtMostTwoLoads> history;
  history.load(0, 0, 1);
  history.load(0, 1, 2);
  history.load(1, 1, 2);
  EXPECT_THAT(history.findings(), IsEmpty());
  history.load(0, 2, 3);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(DeadlineRespected, AcceptsAnEndAtTheDeadline) {
  History<DeadlineRespected> history(Duration::zero());
  history.end(history.get(), failed(ErrorCode::timed_out), 1000);
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(DeadlineRespected, FindsALateEnd) {
  History<DeadlineRespected> history(Duration::zero());
  history.end(history.get(), failed(ErrorCode::timed_out), 1001);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(DeadlineRespected, CountsFromTheWakingOfAPausedNode) {
  History<DeadlineRespected> history(Duration::zero());
  Request& at_once = history.get();
  Request& too_late = history.get();
  history.checker().on_paused(0, at(500));
  history.checker().on_resumed(0, at(3000));
  history.end(at_once, failed(ErrorCode::timed_out), 3000);
  EXPECT_THAT(history.findings(), IsEmpty());
  history.end(too_late, failed(ErrorCode::timed_out), 3001);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(EndsExactlyOnce, AcceptsOneEnd) {
  History<EndsExactlyOnce> history;
  history.end(history.get(), kAbsent, 1);
  history.finish();
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(EndsExactlyOnce, FindsASecondEnd) {
  History<EndsExactlyOnce> history;
  Request& request = history.get();
  history.end(request, kAbsent, 1);
  history.end(request, kAbsent, 2);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(EndsExactlyOnce, FindsARequestThatNeverEnds) {
  History<EndsExactlyOnce> history;
  history.get();
  history.finish();
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(EndsExactlyOnce, ForgivesTheDead) {
  History<EndsExactlyOnce> history;
  history.get().lost = true;
  history.finish();
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(WaiterIsolation, AcceptsWhatCallersDidThemselves) {
  History<WaiterIsolation> history;
  Request& withdrawn = history.get();
  withdrawn.withdrawn = at(5);
  history.end(withdrawn, failed(ErrorCode::cancelled), 5);
  history.end(history.get(), failed(ErrorCode::timed_out), 1000);
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(WaiterIsolation, FindsACancelledRequestThatWasNotWithdrawn) {
  History<WaiterIsolation> history;
  history.end(history.get(), failed(ErrorCode::cancelled), 5);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(WaiterIsolation, FindsATimeOutBeforeItsTime) {
  History<WaiterIsolation> history;
  history.end(history.get(), failed(ErrorCode::timed_out), 999);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(EveryoneServed, FindsAFailure) {
  History<EveryoneServed> history(seconds(1));
  history.end(history.get(), kAbsent, 5);
  EXPECT_THAT(history.findings(), IsEmpty());
  history.end(history.get(), failed(ErrorCode::timed_out), 1000);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(EveryoneServed, ForgivesThoseWithTooLittleTime) {
  History<EveryoneServed> history(seconds(2));
  history.end(history.get(), failed(ErrorCode::timed_out), 1000);
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(LastOneOut, AcceptsALoadCancelledSoonAfterTheLastCallerLeft) {
  History<LastOneOut> history(milliseconds(10));
  Request& request = history.get();
  Load& load = history.load(0, 0, 1);
  history.end(request, failed(ErrorCode::cancelled), 100);
  history.cancelled(load, 105);
  history.finish();
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(LastOneOut, FindsALoadThatGoesOnForNobody) {
  History<LastOneOut> history(milliseconds(10));
  Request& request = history.get();
  Load& load = history.load(0, 0, 1);
  history.end(request, failed(ErrorCode::cancelled), 100);
  history.answered(load, 500);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(LastOneOut, FindsALoadThatNeverStops) {
  History<LastOneOut> history(milliseconds(10));
  Request& request = history.get();
  history.load(0, 0, 1);
  history.end(request, failed(ErrorCode::cancelled), 100);
  history.finish();
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(LastOneOut, FindsALoadCancelledUnderACaller) {
  History<LastOneOut> history(milliseconds(10));
  history.get();
  history.cancelled(history.load(0, 0, 1), 100);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(StandInConvergence, AcceptsTheOwnerAndItsStandIn) {
  History<StandInConvergence> history(
      std::map<std::size_t, StandInConvergence::Ranks>{{0, {1, 2}}});
  history.load(0, 1, 1);
  history.load(0, 2, 2);
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(StandInConvergence, FindsAnotherNodeLoading) {
  History<StandInConvergence> history(
      std::map<std::size_t, StandInConvergence::Ranks>{{0, {1, 2}}});
  history.load(0, 3, 1);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(StandInConvergence, FindsTheStandInLoadingTwice) {
  History<StandInConvergence> history(
      std::map<std::size_t, StandInConvergence::Ranks>{{0, {1, 2}}});
  history.load(0, 2, 1);
  history.load(0, 2, 2);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(NothingWedged, AcceptsIdleNodes) {
  History<NothingWedged> history;
  history.finish({Remains{}});
  EXPECT_THAT(history.findings(), IsEmpty());
}

TEST(NothingWedged, FindsEachThingLeftOver) {
  Remains busy;
  busy.idle = false;
  Remains expecting;
  expecting.expected = 1;
  Remains cut_off;
  cut_off.unreachable = 1;
  for (const Remains& left : {busy, expecting, cut_off}) {
    History<NothingWedged> history;
    history.finish({left});
    EXPECT_THAT(history.findings(), SizeIs(1));
  }
}

TEST(NothingWedged, FindsAKeyThatCannotBeHad) {
  History<NothingWedged> history;
  Request& request = history.get();
  request.probe = true;
  history.end(request, failed(ErrorCode::loader_failed), 5);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(OneValuePerKey, AcceptsTheSameFromEverybodyAndOthersBefore) {
  const std::vector<KeyPlan> keys = {{"a", 0, 64}};
  History<OneValuePerKey> history(at(10));
  fetch::Answer old;
  old.value = Origin::value_of(keys[0], 1);
  fetch::Answer now;
  now.value = Origin::value_of(keys[0], 2);
  history.end(history.get(0, 0, 0), old, 5);
  history.end(history.get(0, 0, 20), now, 25);
  history.end(history.get(0, 1, 30), now, 35);
  EXPECT_THAT(history.findings(), IsEmpty());
  history.end(history.get(0, 1, 40), old, 45);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

TEST(ValuesBelongToKeys, AcceptsTheKeysOwnAndFindsAnothers) {
  const std::vector<KeyPlan> keys = {{"a", 0, 64}, {"b", 0, 64}};
  History<ValuesBelongToKeys> history(keys);
  fetch::Answer answer;
  answer.value = Origin::value_of(keys[1], 1);
  history.end(history.get(1), answer, 5);
  EXPECT_THAT(history.findings(), IsEmpty());
  history.end(history.get(0), answer, 5);
  EXPECT_THAT(history.findings(), SizeIs(1));
}

}  // namespace
}  // namespace kith::sim
