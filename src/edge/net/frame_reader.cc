// SPDX-License-Identifier: Apache-2.0
#include "edge/net/frame_reader.h"

#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/check.h"

namespace kith::edge {

using wire::peer::kHeaderBytes;

namespace {

/// Less than this is not worth a system call.
constexpr std::size_t kLeastSpace = 4096;

}  // namespace

static_assert(FrameReader::kLongestMoved + kHeaderBytes + kLeastSpace <= FrameReader::kChunkBytes);

std::span<std::byte> FrameReader::space() {
  if (direct_ != nullptr) {
    return {direct_ + direct_filled_, direct_body_.size() - direct_filled_};
  }
  direct_body_ = Value();
  if (begin_ == end_ && chunk_.unique()) begin_ = end_ = 0;
  // After next() the frame at begin_ is one that a chunk can hold.
  const std::size_t whole = kHeaderBytes + (header_ ? header_->body_bytes : 0);
  if (memory_ == nullptr || begin_ + whole > kChunkBytes || end_ + kLeastSpace > kChunkBytes) {
    move_to_fresh_chunk();
  }
  return {memory_ + end_, kChunkBytes - end_};
}

void FrameReader::move_to_fresh_chunk() {
  const std::size_t received = end_ - begin_;
  if (chunk_.unique()) {
    std::memmove(memory_, memory_ + begin_, received);
  } else {
    std::byte* memory = nullptr;
    Value chunk = Value::uninitialized(kChunkBytes, &memory);
    if (received > 0) std::memcpy(memory, memory_ + begin_, received);
    chunk_ = std::move(chunk);
    memory_ = memory;
  }
  begin_ = 0;
  end_ = received;
}

void FrameReader::commit(std::size_t bytes) {
  if (direct_ != nullptr) {
    direct_filled_ += bytes;
    KITH_CHECK(direct_filled_ <= direct_body_.size());
  } else {
    end_ += bytes;
    KITH_CHECK(end_ <= kChunkBytes);
  }
}

Result<bool> FrameReader::next(Frame& frame) {
  if (direct_ != nullptr) {
    if (direct_filled_ < direct_body_.size()) return false;
    direct_ = nullptr;
    frame.header = direct_header_;
    frame.body = direct_body_.bytes();
    frame.memory = &direct_body_;
    return true;
  }

  const std::size_t received = end_ - begin_;
  if (received < kHeaderBytes) return false;
  const std::span<const std::byte> header_bytes(memory_ + begin_, kHeaderBytes);
  if (!header_) {
    const Result<wire::peer::Header> header = wire::peer::decode_header(header_bytes);
    if (!header) return tl::unexpected(header.error());
    if (header->body_bytes > max_body_bytes_) {
      return fail(ErrorCode::invalid_argument, "a frame of " + std::to_string(header->body_bytes) +
                                                   " bytes, the limit here is " +
                                                   std::to_string(max_body_bytes_));
    }
    header_ = *header;
  }

  const std::size_t body_bytes = header_->body_bytes;
  if (received >= kHeaderBytes + body_bytes) {
    frame.header = header_bytes;
    frame.body = {memory_ + begin_ + kHeaderBytes, body_bytes};
    frame.memory = &chunk_;
    begin_ += kHeaderBytes + body_bytes;
    header_.reset();
    return true;
  }

  if (body_bytes > kLongestMoved) {
    std::memcpy(direct_header_.data(), header_bytes.data(), kHeaderBytes);
    try {
      direct_body_ = Value::uninitialized(body_bytes, &direct_);
    } catch (const std::bad_alloc&) {
      // It is only the peer's word that there are so many.
      return fail(ErrorCode::resource_exhausted,
                  "no memory for a frame of " + std::to_string(body_bytes) + " bytes");
    }
    direct_filled_ = received - kHeaderBytes;
    std::memcpy(direct_, header_bytes.data() + kHeaderBytes, direct_filled_);
    begin_ = end_;
    header_.reset();
  }
  return false;
}

}  // namespace kith::edge
