// SPDX-License-Identifier: Apache-2.0
// Keys and values of any bytes and sizes, also between nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kith/kith.h>

#include <set>
#include <string>
#include <vector>

#include "api/testing_kit.h"

namespace kith::api {
namespace {

using ::testing::HasSubstr;

/// A value of the size that the key says: "8388608 bytes".
LoadResult sized_value(const LoadRequest& request) {
  std::string value(std::stoul(request.key), 'v');
  if (!value.empty()) value.back() = '.';
  return value;
}

/// A key of the form "<size> <number>" that `owner` owns.
std::string sized_key(std::uint64_t size, const Node& owner, const Cache& cache) {
  for (int i = 0;; ++i) {
    std::string key = std::to_string(size) + " " + std::to_string(i);
    if (cache.owner_of(key) == owner.address()) return key;
  }
}

std::vector<std::string> odd_keys() {
  using namespace std::string_literals;
  std::vector<std::string> keys{"a b",   "a+b",  "a%20b",    "a/b",      "a//b",      "a/b/",
                                ".",     "..",   "../a",     " ",        "  ",        "\n",
                                "\r\n",  "A",    "a",        "a\0"s,     "a\0b"s,     "\0"s,
                                "\0\0"s, "\xff", "\xff\xfe", "\xc3\xa4", "a\xcc\x88", "\xc0\x80"};
  keys.emplace_back(kMaxKeyBytes, 'x');
  keys.push_back(std::string(kMaxKeyBytes - 1, 'x') + "y");
  keys.emplace_back(kMaxKeyBytes - 1, 'x');
  return keys;
}

TEST(OddKeys, AreAllDistinct) {
  Origin origin;
  Node node = start_node();
  const Cache cache = open_cache(node, "c", {}, origin.loader());
  const auto keys = odd_keys();
  ASSERT_EQ(std::set(keys.begin(), keys.end()).size(), keys.size());
  for (const auto& key : keys) EXPECT_EQ(text_of(cache.get(key, patient())), key + "!");
  for (const auto& key : keys) EXPECT_EQ(cache.peek(key)->view(), key + "!");
  EXPECT_EQ(origin.loads(), static_cast<int>(keys.size()));
}

TEST(OddKeys, AreSharedBetweenNodes) {
  Origin origin;
  auto cluster = start_cluster(2);
  const auto caches = open_everywhere(cluster, "c", {}, origin.loader());
  const auto keys = odd_keys();
  for (const Cache& cache : caches) {
    for (const auto& key : keys) EXPECT_EQ(text_of(cache.get(key, patient())), key + "!");
  }
  EXPECT_EQ(origin.loads(), static_cast<int>(keys.size()));
}

TEST(WrongKeys, AnEmptyKeyIsRefused) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c");
  EXPECT_EQ(code_of(cache.get("")), ErrorCode::invalid_argument);
}

TEST(WrongKeys, AKeyOver64KiBIsRefusedWithItsSize) {
  Node node = start_node();
  const Cache cache = open_cache(node, "c");
  const auto value = cache.get(std::string(kMaxKeyBytes + 1, 'x'));
  EXPECT_EQ(code_of(value), ErrorCode::too_large);
  EXPECT_THAT(message_of(value), HasSubstr("65537"));
}

class Values : public ::testing::Test {
 protected:
  testing::LocalCluster cluster_ = start_cluster(2);
};

TEST_F(Values, AnEmptyOneTravelsAndIsNoMiss) {
  const auto caches = open_everywhere(cluster_, "c", {}, sized_value);
  const std::string key = sized_key(0, cluster_.node(1), caches[0]);
  for (const Source source : {Source::origin, Source::peer}) {
    const auto answer = caches[0].fetch(key, patient());
    ASSERT_TRUE(answer) << answer.error();
    ASSERT_TRUE(answer->value);
    EXPECT_TRUE(answer->value->empty());
    EXPECT_EQ(answer->source, source);
  }
  EXPECT_TRUE(caches[1].peek(key));
}

TEST_F(Values, OneOf8MiBTravels) {
  const auto caches = open_everywhere(cluster_, "c", {}, sized_value);
  const std::string key = sized_key(8_MiB, cluster_.node(1), caches[0]);
  const auto value = caches[0].get(key, patient());
  ASSERT_TRUE(value) << value.error();
  EXPECT_EQ((*value)->view(), std::string(8_MiB - 1, 'v') + ".");
}

TEST_F(Values, SeveralOf8MiBTravelAtOnceWithSmallOnes) {
  const auto caches =
      open_everywhere(cluster_, "c", {.coherence = Coherence::immutable}, sized_value);
  const std::string large = sized_key(8_MiB, cluster_.node(1), caches[0]);
  const std::string other = sized_key(8_MiB - 1, cluster_.node(1), caches[0]);
  const std::string small = sized_key(3, cluster_.node(1), caches[0]);
  const auto values = caches[0].get_many(std::vector{large, small, other}, patient());
  EXPECT_EQ(text_of(values[0]).size(), 8_MiB);
  EXPECT_EQ(text_of(values[1]), "vv.");
  EXPECT_EQ(text_of(values[2]).size(), 8_MiB - 1);
}

TEST_F(Values, OneOverTheLimitIsRefusedOnTheOtherNodeAndLosesNothingElse) {
  const auto caches = open_everywhere(cluster_, "c", {.max_value_bytes = 1_MiB}, sized_value);
  const std::string fits = sized_key(1_MiB, cluster_.node(1), caches[0]);
  const std::string large = sized_key(1_MiB + 1, cluster_.node(1), caches[0]);
  const auto values = caches[0].get_many(std::vector{large, fits}, patient());
  EXPECT_EQ(code_of(values[0]), ErrorCode::too_large);
  EXPECT_THAT(message_of(values[0]), HasSubstr("1048577 bytes; max_value_bytes is 1048576"));
  EXPECT_EQ(text_of(values[1]).size(), 1_MiB);
  EXPECT_TRUE(cluster_.node(0).wait_connected(Duration::zero()));
}

TEST_F(Values, OneOverTheReadersOwnLimitIsRefusedAndLosesNothingElse) {
  const Cache narrow = open_cache(cluster_.node(0), "c", {.max_value_bytes = 10}, sized_value);
  const Cache wide = open_cache(cluster_.node(1), "c", {}, sized_value);
  const std::string fits = sized_key(10, cluster_.node(1), narrow);
  const std::string large = sized_key(1_MiB, cluster_.node(1), narrow);
  const auto values = narrow.get_many(std::vector{large, fits}, patient());
  EXPECT_EQ(code_of(values[0]), ErrorCode::too_large);
  EXPECT_THAT(message_of(values[0]), HasSubstr("max_value_bytes is 10"));
  EXPECT_EQ(text_of(values[1]), "vvvvvvvvv.");
  EXPECT_TRUE(wide.contains_local(large));
  EXPECT_TRUE(cluster_.node(0).wait_connected(Duration::zero()));
}

}  // namespace
}  // namespace kith::api
