// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/value.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "wire/peer/codec.h"

namespace kith::edge {

/// Cuts a stream of bytes into frames without copying their bodies. Bytes are received into chunks
/// of memory that the bodies then share. A large body that a chunk cannot hold gets memory of its
/// own, of its exact size, and the rest of it is received straight into that.
///
/// A chunk's memory is written again only when no body shares it any more. Not thread-safe; the
/// bodies may be let go of on any thread.
class FrameReader {
 public:
  struct Frame {
    /// Both valid until space() is called.
    std::span<const std::byte> header;
    std::span<const std::byte> body;
    /// What the body lies in. As long valid.
    const Value* memory = nullptr;

    /// A handle to the body that keeps its memory alive.
    Value share() const {
      return memory->slice(static_cast<std::size_t>(body.data() - memory->data()), body.size());
    }
  };

  /// Frames with longer bodies are ill-formed.
  explicit FrameReader(std::size_t max_body_bytes = wire::peer::kMaxBodyBytes)
      : max_body_bytes_(max_body_bytes) {}
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// Where to receive the next bytes to; never empty. Valid until the next call. Call next() until
  /// it has no more frame before.
  std::span<std::byte> space();
  /// The first `bytes` of space() were filled.
  void commit(std::size_t bytes);

  /// Takes the next frame out. False: more bytes are needed. Errors: invalid_argument (see
  /// wire::peer::decode_header), resource_exhausted (no memory for it); the stream is of no use
  /// after it.
  Result<bool> next(Frame& frame);

  /// Whether bytes were received that no frame was made of yet.
  bool has_partial_frame() const { return begin_ != end_ || direct_ != nullptr; }

  /// Of memory for what is received next. What frames share beside it is theirs.
  std::size_t memory_bytes() const {
    return (memory_ == nullptr ? 0 : kChunkBytes) + direct_body_.size();
  }

  static constexpr std::size_t kChunkBytes = 64 * 1024;
  /// Longest body that is completed within a chunk although it has to be copied to the next one.
  static constexpr std::size_t kLongestMoved = 32 * 1024;

 private:
  void move_to_fresh_chunk();

  std::size_t max_body_bytes_;

  Value chunk_;
  std::byte* memory_ = nullptr;
  /// Of the chunk, the bytes from begin_ to end_ were received and not yet taken out.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  /// The header at begin_, when it was checked already.
  std::optional<wire::peer::Header> header_;

  /// The body that is received outside the chunk, if there is one. Its header is kept aside.
  std::byte* direct_ = nullptr;
  Value direct_body_;
  std::size_t direct_filled_ = 0;
  std::array<std::byte, wire::peer::kHeaderBytes> direct_header_{};
};

}  // namespace kith::edge
