// SPDX-License-Identifier: Apache-2.0
#include "cmd/kith/keygen.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <iostream>

#include "cmd/kith/files.h"

namespace kith::command {

Result<void> Keygen::run() const {
  std::array<unsigned char, 32> key{};
  if (bytes != 16 && bytes != 24 && bytes != 32) {
    return fail(ErrorCode::invalid_argument, "a key has 16, 24 or 32 bytes");
  }
  if (RAND_priv_bytes(key.data(), bytes) != 1) {
    return fail(ErrorCode::internal, "OpenSSL has no random numbers");
  }
  // Four characters for three bytes, and a zero byte.
  std::array<unsigned char, 48> text{};
  const int size = EVP_EncodeBlock(text.data(), key.data(), bytes);
  const std::string line =
      std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size)) +
      '\n';
  OPENSSL_cleanse(key.data(), key.size());
  if (!out.empty()) return write_new_file(out, line, Access::owner_only);
  if (!(std::cout << line << std::flush)) {
    return fail(ErrorCode::invalid_argument, "cannot write to the standard output");
  }
  return {};
}

}  // namespace kith::command
