// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/gossip/keyring.h"

// The encryption envelope: version, nonce, ciphertext, tag. AES-GCM.
namespace kith::wire::gossip {

enum class EncryptionVersion : std::uint8_t {
  padded = 0,    ///< The plaintext is padded to 16 bytes. Of nodes that speak protocol 1.
  unpadded = 1,  ///< Of all others.
};

/// Never the same twice under one key: random bytes from the operating system. A repeated one gives
/// away the key that authenticates.
using Nonce = std::array<std::uint8_t, 12>;

/// Most bytes that an envelope may have: the frame limit of memberlist's connections.
inline constexpr std::size_t kMaxEnvelopeBytes = std::size_t{20} << 20;
/// Fewest bytes that an envelope can have.
inline constexpr std::size_t kMinEnvelopeBytes = 1 + 12 + 16;

/// Bytes of the envelope of so many bytes.
constexpr std::size_t envelope_bytes(EncryptionVersion version, std::size_t plaintext_bytes) {
  const bool is_padded = version == EncryptionVersion::padded;
  return kMinEnvelopeBytes + plaintext_bytes + (is_padded ? 16 - plaintext_bytes % 16 : 0);
}

/// Appends the envelope of `plaintext` to `out`. `associated` is authenticated, and not sent.
/// Errors: too_large, internal (OpenSSL refuses); then `out` is as before.
Result<void> encrypt(const Key& key, EncryptionVersion version, const Nonce& nonce,
                     std::string_view plaintext, std::string_view associated, std::string& out);

/// The plaintext of `envelope`, by whichever key fits. Errors: invalid_argument (none fits, or
/// changed on the way), unimplemented (a later version), too_large.
Result<std::string> decrypt(const Keyring& keyring, std::string_view envelope,
                            std::string_view associated);

}  // namespace kith::wire::gossip
