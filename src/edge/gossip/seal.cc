// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/seal.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "wire/gossip/cipher.h"
#include "wire/gossip/codec.h"
#include "wire/gossip/compound.h"

namespace kith::edge::gossip {

namespace wg = wire::gossip;

namespace {

/// Never the same twice: see wire::gossip::Nonce.
wg::Nonce fresh_nonce() {
  wg::Nonce nonce;
  ssize_t got = 0;
  do {
    got = ::getrandom(nonce.data(), nonce.size(), 0);
  } while (got < 0 && errno == EINTR);
  // So few bytes always come whole, from every Linux that this runs on.
  KITH_CHECK(got == static_cast<ssize_t>(nonce.size()));
  return nonce;
}

wg::Nonce nonce_for(const wg::PoolSettings& pool) {
  return pool.encrypts() ? fresh_nonce() : wg::Nonce{};
}

bool longer_than_a_part(const std::string& part) { return part.size() > wg::kMaxPartBytes; }

}  // namespace

Result<std::string> seal_packet(std::span<const wg::DatagramMessage> messages, const Speech& speech,
                                bool checksum) {
  KITH_CHECK(!messages.empty() && messages.size() <= wg::kMaxCompoundParts);
  std::vector<std::string> parts(messages.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    wg::encode_datagram_message(messages[i], parts[i]);
    if (longer_than_a_part(parts[i])) {
      return fail(ErrorCode::too_large, "gossip message larger than a datagram");
    }
  }
  const std::string contents = parts.size() == 1 ? std::move(parts[0]) : wg::make_compound(parts);
  return wg::encode_packet(contents, speech.pool, {.crc = checksum, .compress = speech.compress},
                           nonce_for(speech.pool));
}

Result<std::string> seal_stream(const wg::StreamMessage& message, const Speech& speech,
                                wg::Speaker speaker) {
  std::string contents;
  wg::encode_stream_message(message, contents);
  return wg::encode_stream(contents, speech.pool, speaker, speech.compress, nonce_for(speech.pool));
}

Result<wg::Packet> open_packet(std::string_view datagram, const Speech& speech) {
  auto packet = wg::decode_packet(datagram, speech.pool);
  const wg::PoolSettings& pool = speech.pool;
  if (packet || pool.keyring.empty() || packet.error().code == ErrorCode::failed_precondition) {
    return packet;
  }
  const auto plain = wg::decode_packet(
      datagram, {.label = pool.label, .skip_inbound_label_check = pool.skip_inbound_label_check});
  if (!plain || plain->dropped > 0) return packet;
  return fail(ErrorCode::failed_precondition,
              "gossip datagram that is not encrypted, where keys are configured");
}

}  // namespace kith::edge::gossip
