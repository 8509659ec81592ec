// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/notices.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "core/membership/cluster/user_state.h"

namespace kith::membership {
namespace {

std::vector<Notice> samples() {
  CacheListPart part{{5, 4096}, 100, {}, true};
  for (std::uint64_t i = 0; i < kCachesInPart; ++i) part.caches.push_back(CacheId{i});
  return {ProcessGone{"n1", BootId{77}, 3, {"a", "b"}}, Accused{"n1", 9, {"a", "b", "c"}},
          Flapping{"n2", 2600}, CacheListWanted{{5, 100}, "n3"}, part};
}

UserState state() {
  UserState state{"default", "n1", BootId{5}};
  state.lists = {{CacheId{1}, CacheId{2}}, {}, {CacheId{9}}};
  state.flapping = {{"n4", 2700}};
  return state;
}

TEST(NoticesTest, ComeBackAsTheyWere) {
  for (const Notice& notice : samples()) {
    const auto decoded = decode_notice(encode(notice));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, notice);
  }
}

TEST(NoticesTest, LongestFitsIntoAPacket) {
  const std::string name(kMaxName, 'n');
  EXPECT_LE(encode(Accused{name, UINT32_MAX, {name, name, name}}).size(), 1100u);
  EXPECT_LE(encode(samples()[4]).size(), 1100u);
}

TEST(NoticesTest, CutShortIsRefused) {
  for (const Notice& notice : samples()) {
    const std::string whole = encode(notice);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_notice(whole.substr(0, size)));
    }
  }
}

TEST(NoticesTest, OthersMessagesAreNotOurs) {
  EXPECT_FALSE(decode_notice(""));
  EXPECT_FALSE(
      decode_notice("\x03\x84\xa2"
                    "CC"));  // Serf's event
  EXPECT_FALSE(decode_notice(std::string("kith\x01\x09", 6)));
  EXPECT_FALSE(decode_notice(std::string("kith\x02\x01", 6)));
}

TEST(NoticesTest, MutatedBytesAreRefusedOrSound) {
  Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto all = samples();
    std::string bytes = encode(all[rng.below(all.size())]);
    for (int changes = 0; changes < 2; ++changes) {
      bytes[6 + rng.below(bytes.size() - 6)] = static_cast<char>(rng.next());
    }
    const auto notice = decode_notice(bytes);
    if (notice) {
      EXPECT_EQ(decode_notice(encode(*notice)), notice);
    }
  }
}

TEST(UserStateTest, ComesBackAsItWas) {
  EXPECT_EQ(decode_user_state(encode(state())), state());
  EXPECT_FALSE(decode_user_state(""));
  EXPECT_FALSE(decode_user_state("other state"));
}

TEST(UserStateTest, ListsBeyondTheBoundAreLeftOut) {
  UserState large = state();
  large.lists.assign(100, std::vector<CacheId>(kMaxCaches));
  const std::string bytes = encode(large);
  EXPECT_LE(bytes.size(), kMaxListBytes + 100);
  EXPECT_EQ(decode_user_state(bytes)->lists.size(), 1u);
}

TEST(UserStateTest, CutShortIsRefused) {
  const std::string whole = encode(state());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_user_state(whole.substr(0, size)));
  }
}

TEST(UserStateTest, MutatedBytesAreRefusedOrSound) {
  Rng rng(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = encode(state());
    for (int changes = 0; changes < 2; ++changes) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    }
    const auto decoded = decode_user_state(bytes);
    if (decoded) {
      EXPECT_EQ(decode_user_state(encode(*decoded)), decoded);
    }
  }
}

}  // namespace
}  // namespace kith::membership
