// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/packet.h"

#include <utility>

#include "base/check.h"
#include "wire/gossip/checksum.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compound.h"
#include "wire/gossip/compress.h"

namespace kith::wire::gossip {
namespace {

// Takes compounds and compressions apart, within bounds that hold for the datagram as a whole.
class Unpacker {
 public:
  explicit Unpacker(Packet& into) : into_(into) {}

  void unpack(std::string_view bytes, int depth) {
    if (bytes.empty()) {
      return drop({ErrorCode::invalid_argument, "gossip datagram with an empty message"});
    }
    const auto type = static_cast<MessageType>(static_cast<std::uint8_t>(bytes[0]));
    const bool has_others = type == MessageType::compound || type == MessageType::compress;
    if (!has_others) return unpack_message(bytes);
    if (depth == kMaxPacketDepth) {
      return drop({ErrorCode::too_large, "gossip datagram nested too deeply"});
    }
    if (type == MessageType::compound) return unpack_compound(bytes, depth);
    unpack_compressed(bytes, depth);
  }

 private:
  void unpack_message(std::string_view bytes) {
    if (into_.messages.size() == kMaxPacketMessages) {
      return drop({ErrorCode::too_large, "gossip datagram with too many messages"});
    }
    auto message = decode_datagram_message(bytes);
    if (!message) return drop(std::move(message).error());
    into_.messages.push_back(std::move(*message));
  }

  void unpack_compound(std::string_view bytes, int depth) {
    const auto compound = read_compound(bytes);
    if (!compound) return drop(compound.error());
    for (const std::string_view part : compound->parts) {
      // Without this a small datagram could nest compounds of empty parts for long.
      if (into_.dropped >= kMaxPacketMessages) return;
      unpack(part, depth + 1);
    }
    if (compound->lost == 0) return;
    drop({ErrorCode::invalid_argument, "gossip compound that ends early"}, compound->lost);
  }

  void unpack_compressed(std::string_view bytes, int depth) {
    // What fails may have cost all that it was allowed, so it counts as if it had: else many that
    // fail would cost many times the limit.
    const std::size_t allowed = std::exchange(unpacked_bytes_left_, 0);
    const auto message = decompress_message(bytes, allowed);
    if (!message) return drop(message.error());
    if (!*message) {
      return drop({ErrorCode::invalid_argument, "compressed gossip message that ends early"});
    }
    unpacked_bytes_left_ = allowed - (*message)->size();
    unpack(**message, depth + 1);
  }

  void drop(Error fault, std::size_t parts = 1) {
    into_.dropped += parts;
    if (!into_.fault) into_.fault = std::move(fault);
  }

  Packet& into_;
  std::size_t unpacked_bytes_left_ = kMaxUnpackedBytes;
};

// The datagram without its label, which must be ours.
Result<std::string_view> without_label(std::string_view datagram, const PoolSettings& pool) {
  const auto label = read_label(datagram);
  if (!label) return tl::unexpected<Error>(label.error());
  if (!*label) return fail(ErrorCode::invalid_argument, "gossip label header that ends early");
  const std::string_view expected =
      pool.skip_inbound_label_check ? std::string_view() : std::string_view(pool.label);
  if (**label != expected) {
    return fail(ErrorCode::failed_precondition, "gossip datagram of another pool, by its label");
  }
  return datagram.substr(label_bytes(**label));
}

}  // namespace

Result<Packet> decode_packet(std::string_view datagram, const PoolSettings& pool) {
  if (datagram.empty()) return fail(ErrorCode::invalid_argument, "gossip datagram of no bytes");
  const auto unlabelled = without_label(datagram, pool);
  if (!unlabelled) return tl::unexpected<Error>(unlabelled.error());

  std::string plaintext;
  std::string_view contents = *unlabelled;
  if (!pool.keyring.empty()) {
    auto decrypted = decrypt(pool.keyring, contents, pool.label);
    if (decrypted) {
      plaintext = std::move(*decrypted);
      contents = plaintext;
    } else if (pool.verify_incoming) {
      return tl::unexpected<Error>(std::move(decrypted).error());
    }
  }
  const auto checked = without_crc(contents);
  if (!checked) return tl::unexpected<Error>(checked.error());

  Packet packet;
  Unpacker(packet).unpack(*checked, 0);
  return packet;
}

Result<std::string> encode_packet(std::string_view contents, const PoolSettings& pool,
                                  const PacketOptions& options, const Nonce& nonce) {
  KITH_CHECK(!contents.empty());
  std::string inner;
  if (options.compress) {
    inner = compress_message(contents);
    if (inner.size() < contents.size()) contents = inner;
  }
  if (options.crc) {
    inner = with_crc(contents);
    contents = inner;
  }
  std::string out;
  append_label(pool.label, out);
  if (!pool.encrypts()) return out.append(contents);
  const auto encrypted =
      encrypt(pool.keyring.primary(), pool.encryption_version, nonce, contents, pool.label, out);
  if (!encrypted) return tl::unexpected<Error>(encrypted.error());
  return out;
}

}  // namespace kith::wire::gossip
