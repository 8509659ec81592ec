// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/inbox.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "edge/driver/slices.h"

namespace kith::edge {
namespace {

class NumberedCall final : public Call {
 public:
  explicit NumberedCall(int number_ = 0) : number(number_) {}
  void done(Result<fetch::Answer>) override {}
  int number;
};

Inbox::Pushed push(Inbox& inbox, Call& call) {
  Inbox::Batch batch;
  batch.add(call);
  return inbox.push(batch);
}

std::vector<int> taken(Inbox& inbox) {
  std::vector<int> numbers;
  inbox.take_all([&](Call& call) { numbers.push_back(static_cast<NumberedCall&>(call).number); });
  return numbers;
}

TEST(InboxTest, GivesCallsInTheOrderTheyCame) {
  Inbox inbox;
  NumberedCall one(1);
  NumberedCall two(2);
  NumberedCall three(3);
  push(inbox, one);
  Inbox::Batch batch;
  batch.add(two);
  batch.add(three);
  inbox.push(batch);
  EXPECT_EQ(taken(inbox), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(inbox.empty());
}

TEST(InboxTest, SaysWhoMustWakeTheLoop) {
  Inbox inbox;
  std::array<NumberedCall, 3> calls;
  EXPECT_EQ(push(inbox, calls[0]), Inbox::Pushed::first);
  EXPECT_EQ(push(inbox, calls[1]), Inbox::Pushed::behind);
  taken(inbox);
  EXPECT_EQ(push(inbox, calls[2]), Inbox::Pushed::first);
}

TEST(InboxTest, KeepsWhatIsPushedWhileTaking) {
  Inbox inbox;
  NumberedCall one(1);
  NumberedCall two(2);
  push(inbox, one);
  inbox.take_all([&](Call&) { push(inbox, two); });
  EXPECT_EQ(taken(inbox), std::vector<int>{2});
}

TEST(InboxTest, RefusesOnceClosed) {
  Inbox inbox;
  NumberedCall one(1);
  NumberedCall two(2);
  push(inbox, one);
  std::vector<int> rest;
  inbox.close([&](Call& call) { rest.push_back(static_cast<NumberedCall&>(call).number); });
  EXPECT_EQ(rest, std::vector<int>{1});
  EXPECT_EQ(push(inbox, two), Inbox::Pushed::refused);
  EXPECT_TRUE(inbox.empty());
}

TEST(InboxTest, LosesAndRepeatsNothingBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 5000;
  Inbox inbox;
  std::vector<std::vector<NumberedCall>> calls(kThreads, std::vector<NumberedCall>(kCalls));
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (auto& mine : calls) {
    threads.emplace_back([&inbox, &mine, &running] {
      for (NumberedCall& call : mine) push(inbox, call);
      --running;
    });
  }
  int count = 0;
  while (running > 0 || !inbox.empty()) {
    inbox.take_all([&](Call& call) {
      ++static_cast<NumberedCall&>(call).number;
      ++count;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kCalls);
  for (const auto& mine : calls) {
    for (const NumberedCall& call : mine) ASSERT_EQ(call.number, 1);
  }
}

TEST(SlicesTest, OverlapNamesJustTheSlicesThatShareSlots) {
  for (std::uint16_t ours = 1; ours <= 9; ++ours) {
    for (std::uint16_t theirs = 1; theirs <= 9; ++theirs) {
      std::vector<SliceRange> found(ours, SliceRange{0xffff, 0});
      for (std::uint32_t i = 0; i < kSlotCount; ++i) {
        const SlotIndex slot{static_cast<std::uint16_t>(i)};
        SliceRange& range = found[slice_of(slot, ours)];
        range.first = std::min(range.first, slice_of(slot, theirs));
        range.last = std::max(range.last, slice_of(slot, theirs));
      }
      for (std::uint16_t mine = 0; mine < ours; ++mine) {
        EXPECT_EQ(overlap(mine, ours, theirs), found[mine]) << mine << " " << ours << " " << theirs;
      }
    }
  }
}

}  // namespace
}  // namespace kith::edge
