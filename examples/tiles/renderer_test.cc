// SPDX-License-Identifier: Apache-2.0
#include "renderer.h"

#include <gtest/gtest.h>

#include <array>

namespace tiles {
namespace {

using Pixel = std::array<int, 3>;

Pixel pixel(const Rendering& rendering, int column, int row) {
  const auto at = static_cast<std::size_t>((row * kTileSide + column) * 3);
  return {rendering.rgb[at], rendering.rgb[at + 1], rendering.rgb[at + 2]};
}

TEST(Renderer, DrawsTheSameTileTheSameWay) {
  EXPECT_EQ(render({7, 62, 59}).rgb, render({7, 62, 59}).rgb);
}

TEST(Renderer, DrawsEveryPixelInColour) {
  EXPECT_EQ(render({3, 3, 3}).rgb.size(), std::size_t{kTileSide * kTileSide * 3});
}

TEST(Renderer, DrawsDifferentTilesDifferently) {
  EXPECT_NE(render({3, 3, 3}).rgb, render({3, 3, 2}).rgb);
}

TEST(Renderer, TheSetIsDarkAndItsSurroundingsAreNot) {
  const Rendering map = render({0, 0, 0});
  // The origin of the plane lies in the set; the map's corner is far outside.
  const Pixel inside = pixel(map, 180, 128);
  const Pixel outside = pixel(map, 2, 2);
  EXPECT_LT(inside[0] + inside[1] + inside[2], 60);
  EXPECT_GT(outside[0] + outside[1] + outside[2], 60);
}

TEST(Renderer, NeighboursMeetWithoutASeam) {
  const Rendering left = render({4, 12, 2});
  const Rendering right = render({4, 13, 2});
  // Far from the set colours change slowly, so the two sides of the edge are nearly equal.
  const Pixel a = pixel(left, kTileSide - 1, 10);
  const Pixel b = pixel(right, 0, 10);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(a[i], b[i], 3);
}

TEST(Renderer, TheSetIsSymmetric) {
  // Rows are mirrored between the two halves of the map, up to the place of the sample points.
  const Pixel above = pixel(render({1, 0, 0}), 100, 20);
  const Pixel below = pixel(render({1, 0, 1}), 100, kTileSide - 1 - 20);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(above[i], below[i], 3);
}

class RendererCost : public testing::TestWithParam<TileKey> {};

TEST_P(RendererCost, IsNeitherNothingNorWithoutBound) {
  const std::uint64_t iterations = render(GetParam()).iterations;
  EXPECT_GE(iterations, 4'000'000U);
  EXPECT_LE(iterations, 25'000'000U);
}

INSTANTIATE_TEST_SUITE_P(Places, RendererCost,
                         testing::Values(TileKey{0, 0, 0}, TileKey{5, 15, 14}, TileKey{9, 249, 236},
                                         // All inside, cheaply known; all inside, dearly; all far.
                                         TileKey{7, 82, 64}, TileKey{9, 415, 240},
                                         TileKey{9, 511, 30}));

}  // namespace
}  // namespace tiles
