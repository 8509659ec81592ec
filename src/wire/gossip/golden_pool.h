// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/check.h"
#include "wire/gossip/cipher.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/golden.h"
#include "wire/gossip/message.h"
#include "wire/gossip/pool.h"

// For tests: how the pool of the golden bytes is set, and with what they were written.
namespace kith::wire::gossip::golden {

inline constexpr Nonce kNonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/// With the golden key.
inline PoolSettings keyed(std::string label = {}) {
  PoolSettings pool{.label = std::move(label)};
  KITH_CHECK(pool.keyring.add(*Key::create(kGoldenKey)));
  return pool;
}

inline std::string encoded_stream(const StreamMessage& message) {
  std::string out;
  encode_stream_message(message, out);
  return out;
}

}  // namespace kith::wire::gossip::golden
