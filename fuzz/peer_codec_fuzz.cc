// SPDX-License-Identifier: Apache-2.0
//
// Reads arbitrary bytes as a frame of the peer link. What can be read must be writable, and reading
// that again must give the same message.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/hash.h"
#include "wire/peer/codec.h"

namespace {

using kith::Value;
using kith::wire::peer::kHeaderBytes;

std::span<const std::byte> header_of(std::string_view frame) {
  return {reinterpret_cast<const std::byte*>(frame.data()), kHeaderBytes};
}

void put_u32(std::string& frame, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 4; ++i) frame[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

// The first byte's lowest bit says whether to make length and checksums right first: hardly any
// change gets past those.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + kHeaderBytes) return 0;
  std::string frame(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0) {
    put_u32(frame, 0, frame.size() - kHeaderBytes);
    frame[5] = static_cast<char>(frame[5] & ~1);
    put_u32(frame, 28, kith::hash_with_seed(std::string_view(frame).substr(0, 28), 0));
  }
  const auto header = kith::wire::peer::decode_header(header_of(frame));
  if (!header) return 0;
  KITH_CHECK(header->field_bytes <= header->body_bytes);
  const Value body = Value::copy_of(std::string_view(frame).substr(kHeaderBytes));
  const auto message = kith::wire::peer::decode(header_of(frame), body);
  if (!message) return 0;

  std::string again;
  const Value rest = kith::wire::peer::encode(*message, again, 64, (data[0] & 2) != 0);
  again.append(rest.view());
  KITH_CHECK(kith::wire::peer::decode_header(header_of(again)).has_value());
  const Value body_again = Value::copy_of(std::string_view(again).substr(kHeaderBytes));
  const auto message_again = kith::wire::peer::decode(header_of(again), body_again);
  KITH_CHECK(message_again.has_value());
  KITH_CHECK(*message_again == *message);
  return 0;
}
