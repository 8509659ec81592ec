// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "wire/gossip/cipher.h"
#include "wire/gossip/keyring.h"
#include "wire/gossip/label.h"

namespace kith::wire::gossip {

/// What all nodes of a pool must agree on to understand each other.
struct PoolSettings {
  /// Keeps pools apart that can reach each other; at most 255 bytes. Empty: no label.
  std::string label = {};
  /// Takes what has no label as if it had ours, and refuses what has one: for a proxy in front that
  /// removes labels.
  bool skip_inbound_label_check = false;

  /// No keys: no encryption.
  Keyring keyring = {};
  /// Accepts only what is encrypted, when there are keys. Off while a pool is moved to encryption.
  bool verify_incoming = true;
  /// Encrypts what is sent, when there are keys. Off in the first step of such a move.
  bool verify_outgoing = true;
  EncryptionVersion encryption_version = EncryptionVersion::unpadded;

  bool encrypts() const { return verify_outgoing && !keyring.empty(); }
};

/// What the label and the encryption add to a datagram's contents, at most.
inline std::size_t packet_overhead(const PoolSettings& pool) {
  const std::size_t encryption =
      pool.encrypts() ? envelope_bytes(pool.encryption_version, 0) : std::size_t{0};
  return label_bytes(pool.label) + encryption;
}

}  // namespace kith::wire::gossip
