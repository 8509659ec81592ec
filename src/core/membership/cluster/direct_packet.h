// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "core/membership/actions.h"
#include "core/membership/options.h"

namespace kith::membership {

/// A packet with the first of `messages`, as many as fit. Empty: not even the first does.
std::optional<SendPacket> direct_packet(const Options& options, const Address& to,
                                        std::vector<Message> messages);

}  // namespace kith::membership
