// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/node_data.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "core/membership/options.h"
#include "core/placement/view.h"

namespace kith::membership {
namespace {

NodeData sample() {
  NodeData data{Phase::draining, 7400, 1000, "eu-1", BootId{0x0123456789abcdef}, {2, 5}};
  data.cluster = cluster_hash("default");
  data.caches = {CacheId{1}, CacheId{7}, CacheId{UINT64_MAX}};
  return data;
}

TEST(NodeDataTest, ComesBackAsItWas) {
  EXPECT_EQ(decode_node_data(encode(sample())), sample());
  EXPECT_EQ(cluster_of(encode(sample())), cluster_hash("default"));
  NodeData least;
  EXPECT_EQ(decode_node_data(encode(least)), least);
  NodeData most = sample();
  most.zone = std::string(kMaxZone, 'z');
  most.caches.clear();
  for (std::uint64_t i = 0; i < kMaxInlineCaches; ++i) most.caches.push_back(CacheId{i * i});
  most.all_caches = CacheListDigest{99, kMaxCaches};
  EXPECT_EQ(decode_node_data(encode(most)), most);
  EXPECT_LE(encode(most).size(), kMaxMeta);
}

TEST(NodeDataTest, BytesOfThisFormatStay) {
  NodeData data{Phase::ready, 0x1ce8, 3, "b", BootId{0x0102030405060708}, {1, 2}};
  data.cluster = 0x1112131415161718;
  data.caches = {CacheId{0x2122232425262728}};
  EXPECT_EQ(encode(data), std::string("kith\x01\x01\x1c\xe8\x00\x03\x01\x02"
                                      "\x01\x02\x03\x04\x05\x06\x07\x08"
                                      "\x11\x12\x13\x14\x15\x16\x17\x18"
                                      "\x01"
                                      "b"
                                      "\x01\x21\x22\x23\x24\x25\x26\x27\x28\x00",
                                      40));
}

TEST(NodeDataTest, OtherProgramsMetaIsNotOurs) {
  EXPECT_FALSE(decode_node_data(""));
  EXPECT_FALSE(decode_node_data("\xff\x82\xa4role\xa4test"));  // Serf's tags
  EXPECT_FALSE(decode_node_data("kith"));
  EXPECT_FALSE(decode_node_data(std::string(512, 'k')));
  std::string later = encode(sample());
  later[4] = 2;
  EXPECT_FALSE(decode_node_data(later));
  EXPECT_FALSE(cluster_of(later));
}

TEST(NodeDataTest, FieldsOfALaterReleaseArePassedOver) {
  EXPECT_EQ(decode_node_data(encode(sample()) + "more"), sample());
}

TEST(NodeDataTest, CutShortIsNoKithNode) {
  const std::string whole = encode(sample());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_node_data(whole.substr(0, size))) << size;
  }
}

TEST(NodeDataTest, ValuesOutOfBoundsAreRefused) {
  const auto refused = [](const NodeData& data) { return !decode_node_data(encode(data)); };
  NodeData data = sample();
  data.weight = 0;
  EXPECT_TRUE(refused(data));
  data.weight = placement::kMaxWeight + 1;
  EXPECT_TRUE(refused(data));
  data = sample();
  data.link = {3, 2};
  EXPECT_TRUE(refused(data));
  data = sample();
  data.phase = static_cast<Phase>(3);
  EXPECT_TRUE(refused(data));
  data = sample();
  data.caches = {CacheId{2}, CacheId{1}};
  EXPECT_TRUE(refused(data));
  data.caches = {CacheId{2}, CacheId{2}};
  EXPECT_TRUE(refused(data));
  data = sample();
  data.all_caches = CacheListDigest{1, kMaxCaches + 1};
  EXPECT_TRUE(refused(data));
  data.all_caches = CacheListDigest{1, 0};
  EXPECT_TRUE(refused(data));
}

TEST(NodeDataTest, MutatedBytesAreRefusedOrSound) {
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = encode(sample());
    for (int changes = 0; changes < 3; ++changes) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
    }
    bytes.resize(rng.below(bytes.size() + 1));
    const auto data = decode_node_data(bytes);
    if (!data) continue;
    // Whatever is accepted can be told on.
    EXPECT_EQ(decode_node_data(encode(*data)), data);
  }
}

}  // namespace
}  // namespace kith::membership
