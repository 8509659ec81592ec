// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <span>
#include <string>
#include <string_view>

#include "wire/gossip/message.h"
#include "wire/gossip/packet.h"
#include "wire/gossip/pool.h"
#include "wire/gossip/stream.h"

// Messages <-> what sockets carry, with nonces from the operating system.
namespace kith::edge::gossip {

/// How this node speaks.
struct Speech {
  wire::gossip::PoolSettings pool;
  /// What this node says is compressed. What others say may be in any case.
  bool compress = false;
};

/// One datagram. Requires one to 127 messages. Errors: too_large, internal.
Result<std::string> seal_packet(std::span<const wire::gossip::DatagramMessage> messages,
                                const Speech& speech, bool checksum);
/// One side's words on a connection. Errors: too_large, internal.
Result<std::string> seal_stream(const wire::gossip::StreamMessage& message, const Speech& speech,
                                wire::gossip::Speaker speaker);

/// As wire::gossip::decode_packet, with an error that tells apart what is not encrypted from what
/// none of our keys opens.
Result<wire::gossip::Packet> open_packet(std::string_view datagram, const Speech& speech);

}  // namespace kith::edge::gossip
