// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/gossip/fields.h"
#include "wire/gossip/message.h"

namespace kith::wire::gossip {

/// Bounds of what one side of a connection may say. The defaults are memberlist's but where said.
struct StreamLimits {
  /// Of the message, and of what is received before it is whole.
  std::size_t message_bytes = std::size_t{40} << 20;
  /// Records of a push/pull. memberlist allows 1048576; a record of 1 byte becomes 120 in memory.
  std::size_t nodes = 131072;
  /// Of a push/pull's user state, and of a user message.
  std::size_t user_bytes = std::size_t{20} << 20;
};

/// Reads a message without envelopes as its bytes arrive.
class StreamMessageReader {
 public:
  explicit StreamMessageReader(const StreamLimits& limits) : limits_(limits) {}

  /// The message, or nothing if it is not yet all there. `bytes` begins with the type byte and has
  /// all that arrived so far, each time from the beginning. What follows the message is ignored.
  /// Errors: invalid_argument, too_large, unimplemented.
  Result<std::optional<StreamMessage>> read(std::string_view bytes);

 private:
  /// A push/pull's header, or a user message's, and what comes after.
  Result<std::optional<StreamMessage>> read_user(std::string_view bytes);
  Result<std::optional<StreamMessage>> read_push_pull(std::string_view bytes);

  StreamLimits limits_;
  // Of a push/pull: what was read, so that no record is read twice. Bytes taken so far, or zero.
  std::size_t taken_ = 0;
  PushPullHeader header_;
  PushPull push_pull_;
};

}  // namespace kith::wire::gossip
