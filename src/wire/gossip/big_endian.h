// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::wire::gossip {

/// The number in the first `width` bytes. Requires width <= 8 and as many bytes.
inline std::uint64_t get_big_endian(std::string_view bytes, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < width; ++i) {
    number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return number;
}

/// Appends the lowest `width` bytes of the number.
inline void put_big_endian(std::uint64_t number, std::size_t width, std::string& out) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<char>(number >> (8 * i) & 0xff));
}

}  // namespace kith::wire::gossip
