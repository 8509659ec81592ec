// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// The envelope of a compressed message or compound. The first byte is MessageType::compress.
namespace kith::wire::gossip {

/// The message in its envelope, which may be longer than the message. Requires a message that is
/// not empty: of one that is, compressed, memberlist before and at 0.6.0 dies.
std::string compress_message(std::string_view message);

/// The message in the envelope at the front of `bytes`, or nothing if the envelope is not yet all
/// there. It is not empty. Errors: invalid_argument, too_large (more than `max_bytes`).
Result<std::optional<std::string>> decompress_message(std::string_view bytes,
                                                      std::size_t max_bytes);

}  // namespace kith::wire::gossip
