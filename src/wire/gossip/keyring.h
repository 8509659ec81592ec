// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

// The keys of an encrypted pool.
namespace kith::wire::gossip {

/// A key of AES-128, AES-192 or AES-256. Its copies wipe themselves.
class Key {
 public:
  /// Errors: invalid_argument, when there are not 16, 24 or 32 bytes.
  static Result<Key> create(std::string_view bytes);
  /// The same of base64, with its padding. Errors: invalid_argument.
  static Result<Key> from_base64(std::string_view text);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(size_); }

  friend bool operator==(const Key&, const Key&) = default;

 private:
  explicit Key(std::string_view bytes);

  /// Zero after the first size_ bytes.
  std::array<std::uint8_t, 32> bytes_{};
  std::size_t size_;
};

/// The keys in use: the first, the primary, encrypts, and any may decrypt. Empty: no encryption. A
/// pool rotates its key by three steps, each on all nodes before the next: add the new one, use it,
/// remove the old one.
class Keyring {
 public:
  /// Most keys. Each costs an attempt at every packet that none of those before it fits.
  static constexpr std::size_t kMaxKeys = 16;

  /// The first key becomes the primary one, others are only read with. A key that is there stays as
  /// it is. Errors: resource_exhausted.
  Result<void> add(const Key& key);
  /// Makes a key primary. Errors: not_found.
  Result<void> use(const Key& key);
  /// Removes a key, if it is there. Errors: failed_precondition, of the primary one.
  Result<void> remove(const Key& key);

  bool empty() const { return keys_.empty(); }
  /// Requires that there is one.
  const Key& primary() const;
  /// The primary first, then in the order of adding.
  std::span<const Key> keys() const { return keys_; }

 private:
  std::vector<Key> keys_;
};

}  // namespace kith::wire::gossip
