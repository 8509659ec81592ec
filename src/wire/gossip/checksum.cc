// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/checksum.h"

#include <array>
#include <cstddef>

#include "wire/gossip/big_endian.h"
#include "wire/gossip/message.h"

namespace kith::wire::gossip {
namespace {

// By hand: abseil has another polynomial only, and zlib would be a dependency for ten lines.
constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? 0xedb8'8320u : 0u);
    }
    table[byte] = remainder;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t remainder = ~std::uint32_t{0};
  for (const char c : bytes) {
    remainder = remainder >> 8 ^ kTable[(remainder ^ static_cast<std::uint8_t>(c)) & 0xff];
  }
  return ~remainder;
}

std::string with_crc(std::string_view payload) {
  std::string out(1, static_cast<char>(MessageType::crc));
  put_big_endian(crc32(payload), 4, out);
  return out.append(payload);
}

Result<std::string_view> without_crc(std::string_view bytes) {
  if (bytes.size() < kCrcBytes || bytes[0] != static_cast<char>(MessageType::crc)) return bytes;
  const std::string_view payload = bytes.substr(kCrcBytes);
  if (get_big_endian(bytes.substr(1), 4) != crc32(payload)) {
    return fail(ErrorCode::invalid_argument, "gossip datagram with a wrong checksum");
  }
  return payload;
}

}  // namespace kith::wire::gossip
