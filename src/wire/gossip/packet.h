// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/gossip/message.h"
#include "wire/gossip/pool.h"

// Datagrams: label(encryption(checksum(compression(compound(messages))))), each layer optional.
// Every function is pure and thread-safe.
namespace kith::wire::gossip {

/// Most bytes that a datagram's contents may decompress to, in all. memberlist's own limit is 40
/// MiB; its senders stay within 1400 bytes unless told otherwise.
inline constexpr std::size_t kMaxUnpackedBytes = std::size_t{1} << 20;
/// Most compounds and compressions around a message. memberlist sends a compound in a compression.
inline constexpr int kMaxPacketDepth = 4;
/// Most messages of a datagram. A compound has 255, and 1400 bytes have room for less.
inline constexpr std::size_t kMaxPacketMessages = 1024;

struct Packet {
  /// In the order of the bytes. memberlist acts on them in no particular order.
  std::vector<DatagramMessage> messages;
  /// Parts that could not be read; each may have been many messages. The others count nevertheless.
  std::size_t dropped = 0;
  /// What was wrong with the first of them.
  std::optional<Error> fault;
};

/// Reads a datagram. Errors: when nothing in it counts, because it has another label
/// (failed_precondition), is not encrypted with one of our keys or is damaged (invalid_argument,
/// unimplemented).
Result<Packet> decode_packet(std::string_view datagram, const PoolSettings& pool);

struct PacketOptions {
  /// A checksum, for receivers whose protocol_max is 5 or more.
  bool crc = false;
  /// Compress, if that makes it smaller.
  bool compress = false;
};

/// The datagram of `contents`, a message or a compound. `nonce` is not used unless the pool
/// encrypts. Requires contents. Errors: those of encrypt().
Result<std::string> encode_packet(std::string_view contents, const PoolSettings& pool,
                                  const PacketOptions& options, const Nonce& nonce);

}  // namespace kith::wire::gossip
