// SPDX-License-Identifier: Apache-2.0
#include "tile_key.h"

#include <gtest/gtest.h>

namespace tiles {
namespace {

TEST(TileKey, PathAndKeyNameTheSameTile) {
  const auto tile = parse_tile_path("/tiles/5/15/14.png");
  ASSERT_TRUE(tile) << tile.error();
  EXPECT_EQ(*tile, (TileKey{5, 15, 14}));
  EXPECT_EQ(to_string(*tile), "5/15/14");
  EXPECT_EQ(parse_tile_key("5/15/14"), *tile);
}

TEST(TileKey, TheCornersOfTheMapAreTiles) {
  EXPECT_EQ(parse_tile_key("0/0/0"), (TileKey{0, 0, 0}));
  EXPECT_EQ(parse_tile_key("30/1073741823/1073741823"), (TileKey{30, 1073741823, 1073741823}));
}

struct BadPath {
  const char* path;
  const char* message_part;
};

class TileKeyRefuses : public testing::TestWithParam<BadPath> {};

TEST_P(TileKeyRefuses, WithWordsThatSayWhy) {
  const auto tile = parse_tile_path(GetParam().path);
  ASSERT_FALSE(tile) << "read as " << to_string(*tile);
  EXPECT_EQ(tile.error().code, kith::ErrorCode::invalid_argument);
  EXPECT_NE(tile.error().message.find(GetParam().message_part), std::string::npos)
      << tile.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Paths, TileKeyRefuses,
    testing::Values(
        BadPath{"", "path"}, BadPath{"/tiles/", "path"}, BadPath{"/tiles.png", "path"},
        BadPath{"/tiles/.png", "zoom/x/y"}, BadPath{"/tiles/1/1/1.jpg", "path"},
        BadPath{"/tiles/1/1/1.png?x", "path"}, BadPath{"/tiles/1/1.png", "zoom/x/y"},
        BadPath{"/tiles/31/0/0.png", "zoom is at most 30"},
        BadPath{"/tiles/-1/0/0.png", "zoom is not"}, BadPath{"/tiles/1/2/0.png", "x is at most 1"},
        BadPath{"/tiles/1/0/2.png", "y is at most 1"},
        BadPath{"/tiles/1/4294967296/0.png", "x is at most 1"},
        BadPath{"/tiles/1/01/0.png", "x is not"}, BadPath{"/tiles/1//0.png", "x is not"},
        BadPath{"/tiles/1/+1/0.png", "x is not"}, BadPath{"/tiles/1/0/ 1.png", "y is not"},
        BadPath{"/tiles/1/0/1/1.png", "y is not"}, BadPath{"/tiles/1/0/1a.png", "y is not"}));

}  // namespace
}  // namespace tiles
