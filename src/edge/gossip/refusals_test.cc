// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/refusals.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kith::edge::gossip {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};
const Endpoint kSource{std::string("\x7f\0\0\1", 4), 7};
const Error kLabel{ErrorCode::failed_precondition, "another label"};
const Error kNoKey{ErrorCode::invalid_argument, "no key"};

TEST(GossipRefusalsTest, SaysEachReasonOnceAMinute) {
  Refusals refusals;
  EXPECT_EQ(refusals.note(kSource, kLabel, kStart), "refused from 127.0.0.1:7: another label");
  EXPECT_FALSE(refusals.note(kSource, kLabel, kStart + seconds(1)));
  EXPECT_FALSE(refusals.note(kSource, kLabel, kStart + seconds(59)));
  EXPECT_EQ(refusals.note(kSource, kNoKey, kStart + seconds(59)),
            "refused from 127.0.0.1:7: no key");
  EXPECT_EQ(refusals.note(kSource, kLabel, kStart + seconds(60)),
            "refused from 127.0.0.1:7: another label (and 2 times since this was last said)");
}

TEST(GossipRefusalsTest, ManyReasonsAreFewLines) {
  Refusals refusals;
  int lines = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Error made_up{ErrorCode::invalid_argument, "reason " + std::to_string(i)};
    if (refusals.note(kSource, made_up, kStart)) ++lines;
  }
  EXPECT_LE(lines, 65);
}

}  // namespace
}  // namespace kith::edge::gossip
