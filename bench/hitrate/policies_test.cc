// SPDX-License-Identifier: Apache-2.0
//
// Sequences that are worked out by hand. A letter is a key; upper case in the expectation: a hit.
#include "bench/hitrate/policies.h"

#include <gtest/gtest.h>

#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "bench/hitrate/policies/frequency_sketch.h"
#include "bench/hitrate/policies/min.h"
#include "bench/hitrate/policies/window_climber.h"
#include "bench/hitrate/replay.h"

namespace kith::bench::hitrate {
namespace {

Trace trace_of(std::string_view keys) {
  Trace trace("test");
  for (const char key : keys) EXPECT_TRUE(trace.add(static_cast<std::uint64_t>(key)));
  trace.finish();
  return trace;
}

CacheSpec objects(std::uint64_t capacity, const Trace& trace) {
  return {
      .bound = Bound::objects, .capacity = capacity, .expected_objects = capacity, .trace = trace};
}

/// The keys with those in upper case that were hits.
std::string played(std::string_view policy, std::uint64_t capacity, std::string_view keys) {
  const Trace trace = trace_of(keys);
  const auto made = policy_named(policy)->make(objects(capacity, trace));
  std::string result;
  for (const char key : keys) {
    const bool hit = made->access(static_cast<std::uint64_t>(key), 1);
    result += hit ? static_cast<char>(std::toupper(key)) : key;
  }
  return result;
}

TEST(Lru, GivesUpTheLeastRecentlyUsed) {
  // At d the order is b, c, a: b leaves; then b pushes c out.
  EXPECT_EQ(played("LRU", 3, "abcadbac"), "abcAdbAc");
}

TEST(Sieve, SparesWhatWasUsedWithoutMovingIt) {
  // At d the hand spares a and takes b. Then it goes on through c, d and e, while a stays.
  EXPECT_EQ(played("SIEVE", 3, "abcadebca"), "abcAdebcA");
}

TEST(Sieve, GoesOnWhereItStopped) {
  // b (unused) leaves for d with the hand at c; both c and d are used, then a is the first that was
  // not since the hand passed it.
  EXPECT_EQ(played("SIEVE", 3, "abcadcdea"), "abcAdCDea");
}

TEST(S3Fifo, AScanDoesNotTouchTheMainQueue) {
  // Capacity 5, small queue of 1. a and b are used twice while small and so move to the main queue
  // when c, d and e have filled the cache; the scan f to j passes through the small queue.
  EXPECT_EQ(played("S3-FIFO", 5, "aaabbbcdefghijab"), "aAAbBBcdefghijAB");
}

TEST(S3Fifo, OneUseIsNotEnoughForTheMainQueue) {
  EXPECT_EQ(played("S3-FIFO", 5, "aabcdefa"), "aAbcdefa");
}

TEST(S3Fifo, AGhostReturnsToTheMainQueue) {
  // f throws a out of the small queue. It comes back to the main queue and outlives a scan.
  EXPECT_EQ(played("S3-FIFO", 5, "abcdefaghijkla"), "abcdefaghijklA");
}

TEST(Arc, AScanDoesNotTouchWhatWasUsedTwice) {
  EXPECT_EQ(played("ARC", 4, "aabbcdefghab"), "aAbBcdefghAB");
}

TEST(Arc, IsAnLruWhileNothingIsUsedTwice) {
  EXPECT_EQ(played("ARC", 3, "abcdabcd"), played("LRU", 3, "abcdabcd"));
}

TEST(Arc, AGhostOfOneUseEnlargesTheListOfOneUse) {
  // a is used twice: T2 = a, T1 = b c. d: T1 = c d, B1 = b. b returns: p = 1; REPLACE: T1 of 2 is
  // over p, c leaves: T2 = a b, T1 = d, B1 = c. c returns: p = 2; T1 of 1 is within p, so a leaves
  // T2.
  EXPECT_EQ(played("ARC", 3, "aabcdbcda"), "aAbcdbcDa");
}

TEST(Lirs, KeepsMostOfALoopThatDoesNotFit) {
  // Capacity 5: 4 LIR, 1 HIR. Of a loop over 7 the first four become LIR and stay.
  EXPECT_EQ(played("LIRS", 5, "abcdefgabcdefgabcdefg"), "abcdefgABCDefgABCDefg");
}

TEST(Lirs, AGhostThatReturnsSoonReplacesTheLowestLirObject) {
  // e and f pass through the queue. e returns while its ghost is above a, the lowest LIR object: e
  // becomes LIR, and a waits in the queue until g comes.
  EXPECT_EQ(played("LIRS", 5, "abcdefegeaf"), "abcdefegEaf");
}

TEST(TinyLfu, ANewcomerMustBeMorePopularThanTheOldestOnProbation) {
  // Capacity 5: window 1. Each of a to e was used twice, the scan once: it gets no further than the
  // window.
  EXPECT_EQ(played("W-TinyLFU-1%", 5, "abcdeabcdefghijabcd").substr(10), "fghijABCD");
}

TEST(TinyLfu, APopularNewcomerGetsIn) {
  // x was asked for three times, the others once: when y pushes it out of the window it wins.
  EXPECT_EQ(played("W-TinyLFU-1%", 5, "abcdexxxyx"), "abcdexXXyX");
}

TEST(FrequencySketch, CountsUpToFifteenAndHalvesInTime) {
  FrequencySketch sketch(1000);
  for (int i = 0; i < 3; ++i) sketch.increment(1);
  for (int i = 0; i < 40; ++i) sketch.increment(2);
  EXPECT_EQ(sketch.frequency(1), 3);
  EXPECT_EQ(sketch.frequency(2), 15);
  EXPECT_EQ(sketch.frequency(3), 0);
  // 10 000 additions halve; 18 have been made, as counters at the limit do not count.
  for (std::uint64_t i = 0; i < 10'000 - 18; ++i) sketch.increment(1000 + i);
  EXPECT_EQ(sketch.frequency(2), 7);
}

TEST(WindowClimber, TurnsAroundWhenTheHitRatioFalls) {
  WindowClimber climber(1600, 1);
  const auto sample = [&](int hits) {
    std::int64_t amount = 0;
    for (int i = 0; i < 10; ++i) amount += climber.count(i < hits);
    return amount;
  };
  EXPECT_EQ(sample(5), -100);  // Better than nothing: on downwards by a sixteenth.
  EXPECT_EQ(sample(4), 100);
  EXPECT_EQ(sample(4), 100);  // A fall by a tenth has restored the step.
  EXPECT_EQ(sample(4), 98);
  EXPECT_EQ(sample(3), -96);
}

TEST(Min, KeepsWhatIsUsedNextAndDoesWithoutTheRest) {
  // Room for two. c is used after a and b, so it does not even enter the first time.
  EXPECT_EQ(played("MIN", 2, "abcabcc"), "abcABcC");
}

TEST(Min, KnowsTheNextUses) {
  EXPECT_EQ(next_uses(trace_of("abca")), (std::vector<std::uint32_t>{3, kNever, kNever, kNever}));
}

TEST(Min, GivesUpSeveralSmallObjectsForALargeOneOnlyIfAllAreUsedLater) {
  Trace trace("test");
  // a and b of 1 byte, c of 2; room for 2. c comes again first, so both leave; the second time it
  // is of no more use, and a and b are not there.
  for (const auto& [key, size] : std::vector<std::pair<char, std::uint32_t>>{
           {'a', 1}, {'b', 1}, {'c', 2}, {'c', 2}, {'a', 1}, {'b', 1}}) {
    ASSERT_TRUE(trace.add(static_cast<std::uint64_t>(key), size));
  }
  trace.finish();
  Min min({.bound = Bound::bytes, .capacity = 2, .expected_objects = 2, .trace = trace});
  const Score score = replay(min, trace, Bound::bytes);
  EXPECT_EQ(score.hits, 1u);
  EXPECT_EQ(score.hit_bytes, 2u);
  EXPECT_EQ(score.bytes, 8u);
}

/// Requests of which the low keys are the popular ones, with scans between, and sizes.
Trace mixed_trace(bool sizes) {
  Trace trace("mixed");
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t key =
        i % 1000 < 200 ? 1000 + static_cast<std::uint64_t>(i % 700) : rng.below(rng.below(400) + 1);
    const auto size = static_cast<std::uint32_t>(1 + mix64(key) % 900);
    EXPECT_TRUE(sizes ? trace.add(key, size) : trace.add(key));
  }
  trace.finish();
  return trace;
}

std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const PolicyKind& kind : policy_kinds()) names.push_back(kind.name);
  return names;
}

std::string letters_of(const testing::TestParamInfo<std::string_view>& policy) {
  std::string letters;
  for (const char c : policy.param) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) letters += c;
  }
  return letters;
}

class EveryPolicy : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicy, testing::ValuesIn(all_names()), letters_of);

TEST_P(EveryPolicy, HoldsNoMoreObjectsThanItsCapacityAndBeatsNoOptimum) {
  const Trace trace = mixed_trace(false);
  for (const std::uint64_t capacity : {5u, 6u, 33u, 100u, 250u}) {
    const CacheSpec spec = objects(capacity, trace);
    const auto policy = policy_named(GetParam())->make(spec);
    const Score score = replay(*policy, trace, Bound::objects);
    Min min(spec);
    EXPECT_LE(score.used, capacity);
    EXPECT_LE(score.hits, replay(min, trace, Bound::objects).hits) << "capacity " << capacity;
    EXPECT_GT(score.hits, 0u) << "capacity " << capacity;
  }
}

TEST_P(EveryPolicy, MissesOnlyFirstUsesWhenEverythingFits) {
  const Trace trace = mixed_trace(false);
  // Of the store the half on top is for the ghosts and queues of this and future policies.
  const auto policy =
      policy_named(GetParam())->make(objects(trace.unique_objects() * 3 / 2, trace));
  const Score score = replay(*policy, trace, Bound::objects);
  EXPECT_EQ(score.requests - score.hits, trace.unique_objects());
}

TEST_P(EveryPolicy, HoldsNoMoreBytesThanItsCapacity) {
  if (GetParam() == kKithName) GTEST_SKIP() << "bounded with its metadata, so in the mean only";
  const Trace trace = mixed_trace(true);
  // The smallest is smaller than the largest objects.
  for (const std::uint64_t capacity : {700u, 5'000u, 50'000u}) {
    const auto policy = policy_named(GetParam())
                            ->make({.bound = Bound::bytes,
                                    .capacity = capacity,
                                    .expected_objects = capacity / 450 + 1,
                                    .trace = trace});
    for (std::size_t i = 0; i < trace.requests(); ++i) {
      policy->access(trace.key(i), trace.size(i));
      ASSERT_LE(policy->used(), capacity) << "request " << i;
    }
  }
}

TEST(KithPolicy, HoldsInBytesWhatTheOthersMayHold) {
  const Trace trace = mixed_trace(true);
  const auto spec = spec_of(trace, Bound::bytes, {.share = 0.3});
  const auto policy = policy_named(kKithName)->make(*spec);
  const Score score = replay(*policy, trace, Bound::bytes);
  // The budget is that of values of the mean size. In a store as small as this the largest lie
  // outside of its pages, where each costs more.
  EXPECT_NEAR(static_cast<double>(score.used), static_cast<double>(spec->capacity),
              0.15 * static_cast<double>(spec->capacity));
}

}  // namespace
}  // namespace kith::bench::hitrate
