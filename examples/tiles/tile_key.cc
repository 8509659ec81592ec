// SPDX-License-Identifier: Apache-2.0
#include "tile_key.h"

#include <charconv>

namespace tiles {
namespace {

using kith::ErrorCode;
using kith::fail;

/// A number from 0 to `largest`, spelled as std::to_string spells it.
kith::Result<std::uint32_t> parse_number(std::string_view name, std::string_view text,
                                         std::uint32_t largest) {
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (error == std::errc::result_out_of_range ||
      (error == std::errc() && stopped == end && !padded && number > largest)) {
    return fail(ErrorCode::invalid_argument,
                std::string(name) + " is at most " + std::to_string(largest) + " here");
  }
  if (error != std::errc() || stopped != end || padded) {
    return fail(ErrorCode::invalid_argument, std::string(name) + " is not a plain whole number");
  }
  return number;
}

}  // namespace

std::string to_string(const TileKey& tile) {
  return std::to_string(tile.zoom) + "/" + std::to_string(tile.x) + "/" + std::to_string(tile.y);
}

kith::Result<TileKey> parse_tile_key(std::string_view text) {
  const std::size_t first = text.find('/');
  const std::size_t second = first == text.npos ? text.npos : text.find('/', first + 1);
  if (second == text.npos) {
    return fail(ErrorCode::invalid_argument, "a tile is named zoom/x/y");
  }
  const auto zoom = parse_number("zoom", text.substr(0, first), kMaxZoom);
  if (!zoom) return tl::unexpected(zoom.error());
  const std::uint32_t last = (std::uint32_t{1} << *zoom) - 1;
  const auto x = parse_number("x", text.substr(first + 1, second - first - 1), last);
  if (!x) return tl::unexpected(x.error());
  const auto y = parse_number("y", text.substr(second + 1), last);
  if (!y) return tl::unexpected(y.error());
  return TileKey{static_cast<int>(*zoom), *x, *y};
}

kith::Result<TileKey> parse_tile_path(std::string_view path) {
  constexpr std::string_view kPrefix = "/tiles/";
  constexpr std::string_view kSuffix = ".png";
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix) ||
      path.size() < kPrefix.size() + kSuffix.size()) {
    return fail(ErrorCode::invalid_argument, "a tile's path is /tiles/{zoom}/{x}/{y}.png");
  }
  path.remove_prefix(kPrefix.size());
  path.remove_suffix(kSuffix.size());
  return parse_tile_key(path);
}

}  // namespace tiles
