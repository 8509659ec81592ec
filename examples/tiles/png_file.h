// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tiles {

/// A PNG file of `width` by `height` pixels from their red, green and blue bytes, row after row
/// (width * height * 3 of them). `title` is written into the file, so that a reader can tell
/// which picture it is. Empty: libpng could not make it.
std::string encode_png(std::span<const std::uint8_t> rgb, std::uint32_t width, std::uint32_t height,
                       const std::string& title);

struct PngInfo {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::string title;
};

/// Decodes the whole file, checksums included, and says what it is. Empty: not a sound PNG file.
std::optional<PngInfo> inspect_png(std::string_view file);

}  // namespace tiles
