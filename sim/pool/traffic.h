// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/membership/encoded_size.h"
#include "core/membership/messages.h"

namespace kith::sim::pool {

/// What hosts put on the network, each byte counted where it is sent, headers included, without
/// compression and encryption.
struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t packet_bytes = 0;
  /// Exchanges begun, and the bytes of both sides.
  std::uint64_t streams = 0;
  std::uint64_t stream_bytes = 0;

  std::uint64_t bytes() const { return packet_bytes + stream_bytes; }

  friend Traffic operator-(const Traffic& a, const Traffic& b) {
    return {a.packets - b.packets, a.packet_bytes - b.packet_bytes, a.streams - b.streams,
            a.stream_bytes - b.stream_bytes};
  }
};

/// IPv4 and UDP.
inline constexpr std::size_t kDatagramHeaders = 28;
/// IPv4 and TCP with timestamps.
inline constexpr std::size_t kSegmentHeaders = 52;

/// A datagram with its headers, as wire/gossip writes it.
inline std::size_t datagram_bytes(const membership::SendPacket& packet) {
  std::size_t bytes = kDatagramHeaders + (packet.checksum ? 5 : 0);
  if (packet.messages.size() > 1) bytes += 2 + 2 * packet.messages.size();
  for (const membership::Message& message : packet.messages) {
    bytes += membership::encoded_size(message);
  }
  return bytes;
}

/// What one side of an exchange sends: its share of opening and closing (4 segments), its bytes,
/// and an acknowledgement for every second segment of the other's.
inline std::size_t stream_side_bytes(std::size_t message_bytes) {
  const std::size_t segments = message_bytes / 1448 + 1;
  return message_bytes + kSegmentHeaders * (4 + segments + segments / 2);
}

}  // namespace kith::sim::pool
