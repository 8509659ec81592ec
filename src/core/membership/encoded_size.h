// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "core/membership/messages.h"

namespace kith::membership {

/// The bytes of a message on the wire, type byte included, before it is put into a compound,
/// compressed or encrypted. Exact: it decides what fits into a packet.
std::size_t encoded_size(const Message& message);

/// The same of what is said on a stream: exact for up to 127 members and bytes of user state,
/// and off by a byte or two beyond. For those who count traffic.
std::size_t encoded_size_on_stream(const StreamMessage& message);

}  // namespace kith::membership
