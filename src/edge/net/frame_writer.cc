// SPDX-License-Identifier: Apache-2.0
#include "edge/net/frame_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "wire/peer/codec.h"

namespace kith::edge {

namespace {

/// Values up to this are copied: a copy costs less than a stretch of its own in the system call.
constexpr std::size_t kInlineBytes = 2048;
/// Memory that an empty batch keeps for the next one.
constexpr std::size_t kKeptBytes = 256 * 1024;

}  // namespace

void FrameWriter::add(const wire::peer::Message& message) {
  const std::size_t before = batch_.size();
  Value payload = wire::peer::encode(message, batch_, kInlineBytes);
  unsent_ += batch_.size() - before + payload.size();
  if (!payload.empty()) payloads_.push_back({batch_.size(), std::move(payload)});
}

std::size_t FrameWriter::gather(std::span<Bytes> parts) const {
  std::size_t used = 0;
  std::size_t batch_at = batch_sent_;
  std::size_t skipped = payload_sent_;
  const auto add_batch_until = [&](std::size_t end) {
    if (batch_at == end || used == parts.size()) return;
    parts[used++] = std::as_bytes(std::span(batch_)).subspan(batch_at, end - batch_at);
    batch_at = end;
  };
  for (std::size_t i = payload_; i < payloads_.size() && used < parts.size(); ++i) {
    add_batch_until(payloads_[i].at);
    if (used == parts.size()) return used;
    parts[used++] = payloads_[i].value.bytes().subspan(skipped);
    skipped = 0;
  }
  add_batch_until(batch_.size());
  return used;
}

void FrameWriter::sent(std::size_t bytes) {
  KITH_CHECK(bytes <= unsent_);
  unsent_ -= bytes;
  while (payload_ < payloads_.size()) {
    Payload& next = payloads_[payload_];
    const std::size_t of_batch = std::min(bytes, next.at - batch_sent_);
    batch_sent_ += of_batch;
    bytes -= of_batch;
    const std::size_t of_payload = std::min(bytes, next.value.size() - payload_sent_);
    payload_sent_ += of_payload;
    bytes -= of_payload;
    if (batch_sent_ < next.at || payload_sent_ < next.value.size()) break;
    next.value = Value();
    payload_sent_ = 0;
    ++payload_;
  }
  batch_sent_ += bytes;
  forget_sent();
}

void FrameWriter::forget_sent() {
  if (unsent_ == 0) {
    batch_.clear();
    if (batch_.capacity() > kKeptBytes) batch_.shrink_to_fit();
    batch_sent_ = 0;
    payloads_.clear();
    payload_ = 0;
    return;
  }
  // Only when at least half of the batch was sent, so that each byte is moved once on average.
  if (batch_sent_ < kKeptBytes || batch_sent_ * 2 < batch_.size()) return;
  batch_.erase(0, batch_sent_);
  payloads_.erase(payloads_.begin(), payloads_.begin() + static_cast<std::ptrdiff_t>(payload_));
  for (Payload& payload : payloads_) payload.at -= batch_sent_;
  batch_sent_ = 0;
  payload_ = 0;
}

}  // namespace kith::edge
