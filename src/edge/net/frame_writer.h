// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/value.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "wire/peer/message.h"

namespace kith::edge {

/// Gathers messages into few stretches of bytes, to be sent together. Large values are not copied:
/// a handle is kept until their bytes were sent. Not thread-safe.
class FrameWriter {
 public:
  using Bytes = std::span<const std::byte>;

  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  void add(const wire::peer::Message& message);

  /// Bytes added and not yet sent.
  std::size_t unsent_bytes() const { return unsent_; }
  /// Of memory, with the values that are not sent yet.
  std::size_t memory_bytes() const {
    return batch_.capacity() + payloads_.capacity() * sizeof(Payload) + unsent_;
  }
  /// Fills `parts` with the bytes to be sent next, in order; returns how many it used. They are
  /// valid until the next call of add() or sent().
  std::size_t gather(std::span<Bytes> parts) const;
  /// The first `bytes` of what gather() gave were sent.
  void sent(std::size_t bytes);

 private:
  struct Payload {
    /// Bytes of batch_ that go before it.
    std::size_t at;
    Value value;
  };
  void forget_sent();

  std::string batch_;
  std::size_t batch_sent_ = 0;
  std::vector<Payload> payloads_;
  /// The first payload of which there is something left to be sent, and what was sent of it.
  std::size_t payload_ = 0;
  std::size_t payload_sent_ = 0;
  std::size_t unsent_ = 0;
};

}  // namespace kith::edge
