// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/verification.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <chrono>

#include "edge/tls/certificate.h"

namespace kith::edge::tls {

namespace {

SystemTime now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string not_of_our_ca(const x509_st* own) {
  return "is not of this cluster's CA: it was issued by " +
         (own == nullptr ? "?" : issuer_of(*own));
}

}  // namespace

std::string objection(x509_store_ctx_st& chain) {
  const int error = X509_STORE_CTX_get_error(&chain);
  const x509_st* const certificate = X509_STORE_CTX_get_current_cert(&chain);
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const std::string whose = X509_STORE_CTX_get_error_depth(&chain) > 0
                                ? "was issued by " + subject_of(*certificate) + ", which "
                                : std::string();
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + "expired on " + to_string(valid_until(*certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + "is not valid before " + to_string(valid_from(*certificate)) +
             ", and the clock here says " + to_string(now());
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return not_of_our_ca(X509_STORE_CTX_get0_cert(&chain));
    case X509_V_ERR_INVALID_PURPOSE:
      return whose + "is not for this purpose: it must be for both serverAuth and clientAuth";
    default:
      return whose + "is not accepted: " + X509_verify_cert_error_string(error);
  }
}

}  // namespace kith::edge::tls
