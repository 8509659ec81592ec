// SPDX-License-Identifier: Apache-2.0
#include "store/compression/training_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kith::store {
namespace {

constexpr std::size_t kSampleBytes = 1000;

/// A plan, and what its owner does.
class Subject {
 public:
  explicit Subject(std::size_t sample_bytes = kSampleBytes, std::size_t dictionaries = 3)
      : plan(sample_bytes, dictionaries, memory) {}

  void offer(std::size_t size) { plan.offer(std::vector<std::byte>(size)); }
  /// A round from samples to a dictionary, if `useful`.
  void train(bool useful = true) {
    offer(kSampleBytes);
    ASSERT_TRUE(plan.begin().has_value());
    plan.finish(useful);
    window *= 2;
  }
  /// A window whose values shrink to `percent`.
  void observe(std::uint64_t percent) { plan.observe(window, window / 100 * percent); }
  /// Whether values become samples.
  bool collects() {
    const std::size_t before = memory.load();
    offer(1);
    return memory.load() != before;
  }

  MemoryCharge::Total memory{0};
  TrainingPlan plan;
  std::uint64_t window = TrainingPlan::kWindow * kSampleBytes;
};

TEST(TrainingPlan, IsDueWhenThereAreEnoughSamples) {
  Subject subject;
  subject.offer(600);
  EXPECT_FALSE(subject.plan.due());
  EXPECT_FALSE(subject.plan.begin().has_value());
  subject.offer(600);
  EXPECT_TRUE(subject.plan.due());
  const std::optional<Samples> samples = subject.plan.begin();
  ASSERT_TRUE(samples.has_value());
  EXPECT_EQ(samples->bytes.size(), 1000u);
  EXPECT_EQ(samples->sizes, (std::vector<std::size_t>{600, 400}));
}

TEST(TrainingPlan, TakesTheBeginningOfLargeValues) {
  Subject subject(1u << 20);
  subject.offer(100u << 10);
  subject.offer(1u << 20);
  EXPECT_EQ(subject.memory.load(), 2 * (TrainingPlan::kMaxSampleBytes + sizeof(std::size_t)));
}

TEST(TrainingPlan, BoundsTheNumberOfSamples) {
  Subject subject(1u << 20);
  for (std::size_t i = 0; i < TrainingPlan::kMaxSamples; ++i) {
    ASSERT_FALSE(subject.plan.due());
    subject.offer(1);
  }
  EXPECT_TRUE(subject.plan.due());
}

TEST(TrainingPlan, GivesTheSamplesToOneCaller) {
  Subject subject;
  subject.offer(kSampleBytes);
  EXPECT_TRUE(subject.plan.begin().has_value());
  EXPECT_FALSE(subject.plan.due());
  EXPECT_FALSE(subject.plan.begin().has_value());
}

TEST(TrainingPlan, TheSamplesMemoryGoesWithThem) {
  Subject subject;
  subject.offer(kSampleBytes);
  {
    const std::optional<Samples> samples = subject.plan.begin();
    EXPECT_GE(subject.memory.load(), kSampleBytes);
  }
  EXPECT_EQ(subject.memory.load(), 0u);
}

TEST(TrainingPlan, CollectsAgainWhenValuesShrinkClearlyLess) {
  Subject subject;
  subject.train();
  subject.observe(30);
  subject.observe(35);
  EXPECT_FALSE(subject.collects());
  subject.observe(37);
  EXPECT_TRUE(subject.collects());
}

TEST(TrainingPlan, ComparesWithTheFirstWindowNotTheLast) {
  Subject subject;
  subject.train();
  for (const std::uint64_t percent : {30u, 33u, 36u}) subject.observe(percent);
  EXPECT_FALSE(subject.collects());
  subject.observe(39);
  EXPECT_TRUE(subject.collects());
}

TEST(TrainingPlan, WaitsForTheWholeWindow) {
  Subject subject;
  subject.train();
  subject.observe(30);
  subject.plan.observe(subject.window - 1, subject.window - 1);
  EXPECT_FALSE(subject.collects());
  subject.plan.observe(1, 1);
  EXPECT_TRUE(subject.collects());
}

TEST(TrainingPlan, CollectsAgainAWindowAfterATrainingInVain) {
  Subject subject;
  subject.train(false);
  EXPECT_FALSE(subject.collects());
  subject.observe(100);
  EXPECT_TRUE(subject.collects());
}

TEST(TrainingPlan, EachTrainingDoublesTheWindow) {
  Subject subject;
  for (int i = 0; i < 60; ++i) {
    subject.train(false);
    subject.window = std::min<std::uint64_t>(subject.window, 1ull << 46);
    subject.plan.observe(subject.window - 1, 0);
    ASSERT_FALSE(subject.collects());
    subject.plan.observe(1, 0);
    ASSERT_TRUE(subject.collects());
  }
}

TEST(TrainingPlan, EndsWithTheLastDictionary) {
  Subject subject;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(subject.collects());
    subject.train();
    subject.observe(30);
    subject.observe(90);
  }
  EXPECT_FALSE(subject.collects());
  EXPECT_FALSE(subject.plan.due());
}

TEST(TrainingPlan, WithoutDictionariesCollectsNothing) {
  Subject subject(kSampleBytes, 0);
  EXPECT_FALSE(subject.collects());
}

}  // namespace
}  // namespace kith::store
