// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string>
#include <string_view>

#include "wire/gossip/message.h"

// One message <-> its bytes, without envelopes. Every function is pure and thread-safe.
namespace kith::wire::gossip {

/// Reads a message as datagrams have it, type byte first. Errors: invalid_argument, unimplemented
/// (a type that datagrams do not have).
Result<DatagramMessage> decode_datagram_message(std::string_view bytes);

/// Appends a message as datagrams have it.
void encode_datagram_message(const DatagramMessage& message, std::string& out);

/// Appends a message as connections have it. No status of a node may be unknown.
void encode_stream_message(const StreamMessage& message, std::string& out);

/// The name of the message's type, for traces.
std::string_view name_of(const DatagramMessage& message);
std::string_view name_of(const StreamMessage& message);

}  // namespace kith::wire::gossip
