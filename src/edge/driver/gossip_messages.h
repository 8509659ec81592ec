// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/membership/messages.h"
#include "edge/gossip/endpoint.h"
#include "wire/gossip/message.h"

// The membership's values <-> the wire's. Versions that are absent are zeros to the membership.
namespace kith::edge {

gossip::Endpoint to_wire(const membership::Address& address);
membership::Address from_wire(const gossip::Endpoint& endpoint);

wire::gossip::DatagramMessage to_wire(const membership::Message& message);
membership::Message from_wire(const wire::gossip::DatagramMessage& message);

wire::gossip::StreamMessage to_wire(const membership::StreamMessage& message);
/// Members of a push/pull whose state is one of a later version are left out. Empty: an
/// ErrorMessage, which is for people.
std::optional<membership::StreamMessage> from_wire(wire::gossip::StreamMessage message);

}  // namespace kith::edge
