// SPDX-License-Identifier: Apache-2.0
//
// Reads arbitrary bytes as a gossip datagram or as one side of a gossip connection. What can be
// read must be writable, and reading that again must give the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/lzw.h"
#include "wire/gossip/packet.h"
#include "wire/gossip/stream.h"

namespace {

namespace gossip = kith::wire::gossip;
using gossip::Key;
using gossip::Nonce;
using gossip::PoolSettings;
using gossip::Speaker;
using gossip::StreamReader;

constexpr std::size_t kPlenty = std::size_t{1} << 20;

// The two lowest bits of the first byte say what the others are.
constexpr std::uint8_t kStream = 1;
constexpr std::uint8_t kLzw = 2;
// What is done to them before they are read: hardly any change gets past a checksum or a tag.
constexpr std::uint8_t kCompressed = 4;
constexpr std::uint8_t kChecked = 8;
constexpr std::uint8_t kEncrypted = 16;
constexpr std::uint8_t kPadded = 32;
constexpr std::uint8_t kLabelled = 64;

PoolSettings pool_of(std::uint8_t what) {
  PoolSettings pool;
  if ((what & kLabelled) != 0) pool.label = "label";
  if ((what & kEncrypted) != 0) {
    KITH_CHECK(pool.keyring.add(*Key::create("another key 16 b")).has_value());
    KITH_CHECK(pool.keyring.add(*Key::create("0123456789abcdef")).has_value());
  }
  if ((what & kPadded) != 0) pool.encryption_version = gossip::EncryptionVersion::padded;
  return pool;
}

void read_datagram(std::string contents, std::uint8_t what) {
  const PoolSettings pool = pool_of(what);
  if ((what & kCompressed) != 0) contents = gossip::compress_message(contents);
  const auto bytes =
      gossip::encode_packet(contents, pool, {.crc = (what & kChecked) != 0}, Nonce{});
  KITH_CHECK(bytes.has_value());
  // Ours is the outermost envelope, so it opens; without one the bytes may be anything.
  const auto packet = gossip::decode_packet(*bytes, pool);
  if (!packet) return;
  KITH_CHECK(packet->messages.size() <= gossip::kMaxPacketMessages);
  KITH_CHECK((packet->dropped == 0) == !packet->fault);
  for (const gossip::DatagramMessage& message : packet->messages) {
    std::string again;
    gossip::encode_datagram_message(message, again);
    const auto read = gossip::decode_datagram_message(again);
    KITH_CHECK(read.has_value());
    KITH_CHECK(*read == message);
  }
}

void read_stream(std::string_view contents, std::uint8_t what) {
  const PoolSettings pool = pool_of(what);
  const auto bytes =
      gossip::encode_stream(contents, pool, Speaker::dialler, (what & kCompressed) != 0, Nonce{});
  KITH_CHECK(bytes.has_value());
  const gossip::StreamLimits limits{.message_bytes = kPlenty, .nodes = 1000, .user_bytes = kPlenty};
  StreamReader at_once(pool, Speaker::dialler, limits);
  const auto whole = at_once.feed(*bytes);

  // In pieces: the same.
  StreamReader in_pieces(pool, Speaker::dialler, limits);
  const std::size_t cut = bytes->size() * (what & 7) / 8;
  auto pieces = in_pieces.feed(std::string_view(*bytes).substr(0, cut));
  if (pieces && !*pieces) pieces = in_pieces.feed(std::string_view(*bytes).substr(cut));
  KITH_CHECK(whole.has_value() == pieces.has_value());
  if (!whole) return;
  KITH_CHECK(whole->has_value() == pieces->has_value());
  if (!*whole) return;
  KITH_CHECK(**whole == **pieces);

  const auto* push_pull = std::get_if<gossip::PushPull>(&**whole);
  if (push_pull != nullptr) {
    for (const gossip::NodeState& node : push_pull->nodes) {
      if (node.status == gossip::NodeStatus::unknown) return;  // Is never written.
    }
  }
  std::string again;
  gossip::encode_stream_message(**whole, again);
  const PoolSettings plain;
  const auto read = StreamReader(plain, Speaker::acceptor).feed(again);
  KITH_CHECK(read.has_value() && read->has_value());
  KITH_CHECK(**read == **whole);
}

void read_lzw(std::string_view bytes) {
  KITH_CHECK(gossip::lzw_decompress(gossip::lzw_compress(bytes), bytes.size()) ==
             std::string(bytes));
  const auto text = gossip::lzw_decompress(bytes, kPlenty);
  if (!text) return;
  KITH_CHECK(gossip::lzw_decompress(gossip::lzw_compress(*text), text->size()) == *text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] & 3) {
    case kStream:
      read_stream(bytes, data[0]);
      break;
    case kLzw:
      read_lzw(bytes);
      break;
    default:
      read_datagram(std::string(bytes), data[0]);
      break;
  }
  return 0;
}
