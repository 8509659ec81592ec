// SPDX-License-Identifier: Apache-2.0
#include "png_file.h"

#include <gtest/gtest.h>

#include <vector>

namespace tiles {
namespace {

std::string small_file() {
  const std::vector<std::uint8_t> rgb(4 * 3 * 3, 200);
  return encode_png(rgb, 4, 3, "a small picture");
}

TEST(PngFile, SaysWhatItIs) {
  const auto info = inspect_png(small_file());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->width, 4U);
  EXPECT_EQ(info->height, 3U);
  EXPECT_EQ(info->title, "a small picture");
}

TEST(PngFile, SameInputSameBytes) { EXPECT_EQ(small_file(), small_file()); }

TEST(PngFile, ADamagedPixelIsNoticed) {
  std::string file = small_file();
  const std::size_t data = file.find("IDAT");
  ASSERT_NE(data, std::string::npos);
  file[data + 8] = static_cast<char>(file[data + 8] ^ 1);
  EXPECT_FALSE(inspect_png(file).has_value());
}

TEST(PngFile, ACutFileIsNoticed) {
  const std::string file = small_file();
  EXPECT_FALSE(inspect_png(file.substr(0, file.size() - 20)).has_value());
}

TEST(PngFile, WhatIsNoPngIsNoticed) {
  EXPECT_FALSE(inspect_png("").has_value());
  EXPECT_FALSE(inspect_png("<html>not a picture</html>").has_value());
}

}  // namespace
}  // namespace tiles
