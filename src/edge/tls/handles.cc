// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/handles.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace kith::edge::tls {

void Free::operator()(bio_st* bio) const noexcept { BIO_free_all(bio); }
void Free::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }
void Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void Free::operator()(ssl_st* connection) const noexcept { SSL_free(connection); }
void Free::operator()(x509_st* certificate) const noexcept { X509_free(certificate); }

}  // namespace kith::edge::tls
