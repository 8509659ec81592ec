// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/keyring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "base/check.h"

namespace kith::wire::gossip {

Result<Key> Key::create(std::string_view bytes) {
  if (bytes.size() != 16 && bytes.size() != 24 && bytes.size() != 32) {
    return fail(ErrorCode::invalid_argument,
                "a gossip key has 16, 24 or 32 bytes, not " + std::to_string(bytes.size()));
  }
  return Key(bytes);
}

Result<Key> Key::from_base64(std::string_view text) {
  // Of 32 bytes.
  constexpr std::size_t kMostText = 44;
  std::array<std::uint8_t, kMostText / 4 * 3> bytes{};
  int size = -1;
  if (!text.empty() && text.size() % 4 == 0 && text.size() <= kMostText) {
    size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                           static_cast<int>(text.size()));
  }
  if (size < 0) {
    return fail(ErrorCode::invalid_argument,
                "a gossip key is the base64 of 16, 24 or 32 bytes; `kith keygen` makes one");
  }
  // What the padding stands for was decoded as zeros.
  const auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  Result<Key> key = create({reinterpret_cast<const char*>(bytes.data()),
                            static_cast<std::size_t>(size) - std::min<std::size_t>(padding, 2)});
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

Key::Key(std::string_view bytes) : size_(bytes.size()) { std::ranges::copy(bytes, bytes_.begin()); }

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Result<void> Keyring::add(const Key& key) {
  if (std::ranges::find(keys_, key) != keys_.end()) return {};
  if (keys_.size() == kMaxKeys) {
    return fail(ErrorCode::resource_exhausted,
                "a keyring has at most " + std::to_string(kMaxKeys) + " keys");
  }
  keys_.push_back(key);
  return {};
}

Result<void> Keyring::use(const Key& key) {
  const auto at = std::ranges::find(keys_, key);
  if (at == keys_.end()) return fail(ErrorCode::not_found, "the key is not in the keyring");
  std::rotate(keys_.begin(), at, at + 1);
  return {};
}

Result<void> Keyring::remove(const Key& key) {
  const auto at = std::ranges::find(keys_, key);
  if (at == keys_.end()) return {};
  if (at == keys_.begin()) {
    return fail(ErrorCode::failed_precondition,
                "the key is the primary one: use another before it is removed");
  }
  keys_.erase(at);
  return {};
}

const Key& Keyring::primary() const {
  KITH_CHECK(!keys_.empty());
  return keys_.front();
}

}  // namespace kith::wire::gossip
