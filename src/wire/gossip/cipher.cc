// SPDX-License-Identifier: Apache-2.0
#include "wire/gossip/cipher.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"

namespace kith::wire::gossip {
namespace {

constexpr std::size_t kNonceBytes = std::tuple_size_v<Nonce>;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kBlockBytes = 16;

// Leaves the thread's list of OpenSSL errors as it was: who shares the thread reads it to learn
// what happened to a TLS connection.
class ErrorsUntouched {
 public:
  ErrorsUntouched() { ERR_set_mark(); }
  ~ErrorsUntouched() { ERR_pop_to_mark(); }
  ErrorsUntouched(const ErrorsUntouched&) = delete;
  ErrorsUntouched& operator=(const ErrorsUntouched&) = delete;
};

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const EVP_CIPHER* cipher_of(const Key& key) {
  switch (key.bytes().size()) {
    case 16:
      return EVP_aes_128_gcm();
    case 24:
      return EVP_aes_192_gcm();
    default:
      return EVP_aes_256_gcm();
  }
}

const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* unsigned_bytes(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

// Within kMaxEnvelopeBytes by the checks of the callers.
int int_size(std::string_view bytes) { return static_cast<int>(bytes.size()); }

// Writes the ciphertext of `plaintext`, of the same length, and the tag.
bool encrypt_bytes(const Key& key, const Nonce& nonce, std::string_view plaintext,
                   std::string_view associated, char* ciphertext, char* tag) {
  const ErrorsUntouched guard;
  const Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  unsigned char none[kBlockBytes];
  return context != nullptr &&
         EVP_EncryptInit_ex(context.get(), cipher_of(key), nullptr, key.bytes().data(),
                            nonce.data()) == 1 &&
         (associated.empty() ||
          EVP_EncryptUpdate(context.get(), nullptr, &written, unsigned_bytes(associated),
                            int_size(associated)) == 1) &&
         (plaintext.empty() ||
          EVP_EncryptUpdate(context.get(), unsigned_bytes(ciphertext), &written,
                            unsigned_bytes(plaintext), int_size(plaintext)) == 1) &&
         EVP_EncryptFinal_ex(context.get(), none, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) == 1;
}

struct Envelope {
  std::string_view nonce;
  std::string_view ciphertext;
  std::string_view tag;
};

// False: the tag is another. `plaintext` has the ciphertext's length, and means nothing then.
bool decrypt_bytes(const Key& key, const Envelope& envelope, std::string_view associated,
                   char* plaintext) {
  const ErrorsUntouched guard;
  const Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  unsigned char none[kBlockBytes];
  // OpenSSL takes the tag as not const, and only reads it.
  char tag[kTagBytes];
  std::ranges::copy(envelope.tag, tag);
  return context != nullptr &&
         EVP_DecryptInit_ex(context.get(), cipher_of(key), nullptr, key.bytes().data(),
                            unsigned_bytes(envelope.nonce)) == 1 &&
         (associated.empty() ||
          EVP_DecryptUpdate(context.get(), nullptr, &written, unsigned_bytes(associated),
                            int_size(associated)) == 1) &&
         (envelope.ciphertext.empty() ||
          EVP_DecryptUpdate(context.get(), unsigned_bytes(plaintext), &written,
                            unsigned_bytes(envelope.ciphertext),
                            int_size(envelope.ciphertext)) == 1) &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1 &&
         EVP_DecryptFinal_ex(context.get(), none, &written) == 1;
}

// The length of `padded` without its padding, if it has one. The bytes of the padding but the last
// are authenticated and mean nothing, so they are not looked at.
std::optional<std::size_t> unpadded_size(std::string_view padded) {
  if (padded.empty()) return std::nullopt;
  const std::size_t padding = static_cast<std::uint8_t>(padded.back());
  if (padding == 0 || padding > kBlockBytes || padding > padded.size()) return std::nullopt;
  return padded.size() - padding;
}

}  // namespace

Result<void> encrypt(const Key& key, EncryptionVersion version, const Nonce& nonce,
                     std::string_view plaintext, std::string_view associated, std::string& out) {
  if (plaintext.size() > kMaxEnvelopeBytes ||
      envelope_bytes(version, plaintext.size()) > kMaxEnvelopeBytes) {
    return fail(ErrorCode::too_large, "a gossip message of " + std::to_string(plaintext.size()) +
                                          " bytes is over the size limit of encrypted ones");
  }
  KITH_CHECK(associated.size() <= kMaxEnvelopeBytes);
  std::string padded;
  if (version == EncryptionVersion::padded) {
    const std::size_t padding = kBlockBytes - plaintext.size() % kBlockBytes;
    padded.assign(plaintext).append(padding, static_cast<char>(padding));
    plaintext = padded;
  }
  const std::size_t begin = out.size();
  out.push_back(static_cast<char>(version));
  out.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  out.resize(out.size() + plaintext.size() + kTagBytes);
  char* ciphertext = out.data() + begin + 1 + kNonceBytes;
  if (!encrypt_bytes(key, nonce, plaintext, associated, ciphertext,
                     ciphertext + plaintext.size())) {
    out.resize(begin);
    return fail(ErrorCode::internal, "OpenSSL cannot encrypt with AES-GCM");
  }
  return {};
}

Result<std::string> decrypt(const Keyring& keyring, std::string_view envelope,
                            std::string_view associated) {
  KITH_CHECK(associated.size() <= kMaxEnvelopeBytes);
  if (envelope.size() < kMinEnvelopeBytes) {
    return fail(ErrorCode::invalid_argument, "encrypted gossip that is too short");
  }
  if (envelope.size() > kMaxEnvelopeBytes) {
    return fail(ErrorCode::too_large, "encrypted gossip over the size limit");
  }
  const auto version = static_cast<std::uint8_t>(envelope[0]);
  if (version > static_cast<std::uint8_t>(EncryptionVersion::unpadded)) {
    return fail(ErrorCode::unimplemented,
                "gossip encrypted in the unknown version " + std::to_string(version));
  }
  const std::size_t tag_at = envelope.size() - kTagBytes;
  const Envelope parts{envelope.substr(1, kNonceBytes),
                       envelope.substr(1 + kNonceBytes, tag_at - 1 - kNonceBytes),
                       envelope.substr(tag_at)};
  std::string plaintext(parts.ciphertext.size(), '\0');
  const bool fits = std::ranges::any_of(keyring.keys(), [&](const Key& key) {
    return decrypt_bytes(key, parts, associated, plaintext.data());
  });
  if (!fits) {
    return fail(ErrorCode::invalid_argument, "encrypted gossip that none of the keys opens");
  }
  if (version == static_cast<std::uint8_t>(EncryptionVersion::padded)) {
    const auto size = unpadded_size(plaintext);
    if (!size) return fail(ErrorCode::invalid_argument, "encrypted gossip with a wrong padding");
    plaintext.resize(*size);
  }
  return plaintext;
}

}  // namespace kith::wire::gossip
