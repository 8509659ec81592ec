// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "wire/gossip/big_endian.h"
#include "wire/gossip/cipher.h"
#include "wire/gossip/compress.h"
#include "wire/gossip/label.h"

namespace kith::wire::gossip {
namespace {

// The type and the length in front of an envelope. Both are authenticated.
constexpr std::size_t kFrameHeaderBytes = 5;

bool begins_with(std::string_view bytes, MessageType type) {
  return !bytes.empty() && bytes[0] == static_cast<char>(type);
}

}  // namespace

Result<std::optional<StreamMessage>> StreamReader::feed(std::string_view bytes) {
  KITH_CHECK(stage_ != Stage::done);
  // An envelope is bounded by its own limit, which its header is checked against.
  if (bytes.size() > limits_.message_bytes - std::min(received_.size(), limits_.message_bytes)) {
    stage_ = Stage::done;
    return fail(ErrorCode::too_large, "gossip message over the size limit of connections");
  }
  received_.append(bytes);
  while (stage_ != Stage::message) {
    const auto done = advance();
    if (!done) stage_ = Stage::done;
    if (!done) return tl::unexpected<Error>(done.error());
    if (*done) continue;
    if (!is_whole_) return std::nullopt;
    stage_ = Stage::done;
    return answered({ErrorCode::invalid_argument, "gossip message that ends early"});
  }
  return read_message();
}

Result<bool> StreamReader::advance() {
  switch (stage_) {
    case Stage::label:
      return read_label_header();
    case Stage::encryption:
      return read_encryption();
    default:
      return read_compression();
  }
}

Result<bool> StreamReader::read_label_header() {
  std::string_view label;
  if (speaker_ == Speaker::dialler) {
    const auto read = read_label(rest());
    if (!read) return tl::unexpected<Error>(read.error());
    if (!*read) return false;
    label = **read;
  }
  const bool is_expected = speaker_ == Speaker::dialler && !pool_.skip_inbound_label_check;
  if (label != (is_expected ? std::string_view(pool_.label) : std::string_view())) {
    return fail(ErrorCode::failed_precondition, "gossip connection of another pool, by its label");
  }
  at_ += label_bytes(label);
  stage_ = Stage::encryption;
  return true;
}

Result<bool> StreamReader::read_encryption() {
  if (rest().empty()) return false;
  stage_ = Stage::compression;
  if (!begins_with(rest(), MessageType::encrypt)) {
    if (pool_.keyring.empty() || !pool_.verify_incoming) return true;
    return answered({ErrorCode::failed_precondition,
                     "gossip on a connection that is not encrypted, where keys are configured"});
  }
  if (pool_.keyring.empty()) {
    return answered({ErrorCode::failed_precondition,
                     "encrypted gossip on a connection, where no key is configured"});
  }
  stage_ = Stage::encryption;
  if (rest().size() < kFrameHeaderBytes) return false;
  const auto size = static_cast<std::size_t>(get_big_endian(rest().substr(1), 4));
  if (size > kMaxEnvelopeBytes) {
    return answered({ErrorCode::too_large, "encrypted gossip over the size limit of connections"});
  }
  if (rest().size() - kFrameHeaderBytes < size) return false;
  // Replies are without a label, and authenticated with it nevertheless.
  const std::string associated = std::string(rest().substr(0, kFrameHeaderBytes)) + pool_.label;
  auto plaintext = decrypt(pool_.keyring, rest().substr(kFrameHeaderBytes, size), associated);
  if (!plaintext) return answered(std::move(plaintext).error());
  replace(std::move(*plaintext));
  stage_ = Stage::compression;
  return true;
}

Result<bool> StreamReader::read_compression() {
  if (rest().empty()) return false;
  if (begins_with(rest(), MessageType::compress)) {
    auto message = decompress_message(rest(), limits_.message_bytes);
    if (!message) return answered(std::move(message).error());
    if (!*message) return false;
    replace(std::move(**message));
  }
  stage_ = Stage::message;
  return true;
}

Result<std::optional<StreamMessage>> StreamReader::read_message() {
  auto message = message_.read(rest());
  if (message && !*message && is_whole_) {
    message = fail(ErrorCode::invalid_argument, "gossip message that ends early");
  }
  if (!message || *message) stage_ = Stage::done;
  return message;
}

void StreamReader::replace(std::string bytes) {
  received_ = std::move(bytes);
  at_ = 0;
  is_whole_ = true;
}

tl::unexpected<Error> StreamReader::answered(Error error) {
  is_answered_ = true;
  return tl::unexpected<Error>(std::move(error));
}

Result<std::string> encode_stream(std::string_view message, const PoolSettings& pool,
                                  Speaker speaker, bool compress, const Nonce& nonce) {
  KITH_CHECK(!message.empty());
  std::string compressed;
  if (compress) {
    compressed = compress_message(message);
    message = compressed;
  }
  std::string out;
  if (speaker == Speaker::dialler) append_label(pool.label, out);
  if (!pool.encrypts()) return out.append(message);
  std::string header(1, static_cast<char>(MessageType::encrypt));
  // One that is too large for the four bytes is refused below.
  put_big_endian(envelope_bytes(pool.encryption_version, message.size()), 4, header);
  out.append(header);
  const auto encrypted = encrypt(pool.keyring.primary(), pool.encryption_version, nonce, message,
                                 header + pool.label, out);
  if (!encrypted) return tl::unexpected<Error>(encrypted.error());
  return out;
}

}  // namespace kith::wire::gossip
