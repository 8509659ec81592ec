// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <string>
#include <string_view>

// The envelope with a checksum, of datagrams only. The first byte is MessageType::crc.
namespace kith::wire::gossip {

inline constexpr std::size_t kCrcBytes = 5;

/// CRC-32 of IEEE 802.3, as zlib computes it.
std::uint32_t crc32(std::string_view bytes);

/// The payload in an envelope.
std::string with_crc(std::string_view payload);

/// What is in the envelope, if there is one; else `bytes`. Errors: invalid_argument, when the
/// checksum is another.
Result<std::string_view> without_crc(std::string_view bytes);

}  // namespace kith::wire::gossip
