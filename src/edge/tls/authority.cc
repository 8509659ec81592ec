// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/authority.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace kith::edge::tls {

namespace {

/// X.509's bound on a common name.
constexpr std::size_t kMostSubjectBytes = 64;
constexpr std::size_t kMostGivenNameBytes = 255;
constexpr int kSerialBytes = 16;

tl::unexpected<Error> openssl_failed(std::string_view what) {
  return fail(ErrorCode::internal, std::string(what) + " failed: " + last_error());
}

bool made_of(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           also.find(c) != std::string_view::npos;
  });
}

Result<void> validate_subject(const std::string& subject) {
  if (!subject.empty() && subject.size() <= kMostSubjectBytes && made_of(subject, ".-_")) return {};
  return fail(ErrorCode::invalid_argument,
              "the name '" + subject.substr(0, kMostSubjectBytes) +
                  "' must have 1 to 64 letters, digits, dots, hyphens and underscores");
}

Result<void> validate_names(const Names& names) {
  const auto wrong = [](const std::string& name, std::string_view kind) {
    return fail(ErrorCode::invalid_argument,
                "'" + name.substr(0, kMostGivenNameBytes) + "' is no " + std::string(kind));
  };
  for (const std::string& name : names.dns) {
    const bool dots_ok = !name.empty() && name.front() != '.' && name.back() != '.' &&
                         name.find("..") == std::string::npos;
    if (!dots_ok || name.size() > kMostGivenNameBytes || !made_of(name, ".-_")) {
      return wrong(name, "DNS name");
    }
  }
  for (const std::string& name : names.uris) {
    const bool has_scheme = name.find("://") != std::string::npos;
    if (!has_scheme || name.size() > kMostGivenNameBytes || !made_of(name, ":/.-_~")) {
      return wrong(name, "URI");
    }
  }
  return {};
}

CertificateHandle new_certificate(const Validity& validity, evp_pkey_st& key,
                                  const std::string& subject) {
  CertificateHandle certificate(X509_new());
  std::array<unsigned char, kSerialBytes> serial{};
  if (certificate == nullptr || RAND_bytes(serial.data(), kSerialBytes) != 1) return nullptr;
  serial[0] &= 0x7f;  // positive
  serial[0] |= 0x40;  // and of full length
  x509_st* const c = certificate.get();
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      BN_bin2bn(serial.data(), kSerialBytes, nullptr), &BN_free);
  const bool made =
      X509_set_version(c, X509_VERSION_3) == 1 && number != nullptr &&
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(c)) != nullptr &&
      ASN1_TIME_set(X509_getm_notBefore(c), validity.from.time_since_epoch().count()) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(c), validity.until.time_since_epoch().count()) != nullptr &&
      X509_set_pubkey(c, &key) == 1 &&
      X509_NAME_add_entry_by_NID(X509_get_subject_name(c), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(subject.data()),
                                 static_cast<int>(subject.size()), -1, 0) == 1;
  return made ? std::move(certificate) : nullptr;
}

/// `value` in the language of OpenSSL's configuration files: never what a user wrote.
bool add_extension(x509_st& certificate, x509_st& issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const auto free_one = [](X509_EXTENSION* extension) { X509_EXTENSION_free(extension); };
  const std::unique_ptr<X509_EXTENSION, decltype(free_one)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value), free_one);
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

/// Takes `value` over.
bool add_name(GENERAL_NAMES& names, int kind, ASN1_STRING* value) {
  GENERAL_NAME* const name = value == nullptr ? nullptr : GENERAL_NAME_new();
  if (name == nullptr) {
    ASN1_STRING_free(value);
    return false;
  }
  GENERAL_NAME_set0_value(name, kind, value);
  if (sk_GENERAL_NAME_push(&names, name) > 0) return true;
  GENERAL_NAME_free(name);
  return false;
}

bool add_text_name(GENERAL_NAMES& names, int kind, const std::string& text) {
  ASN1_STRING* const value = ASN1_IA5STRING_new();
  if (value != nullptr) ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  return add_name(names, kind, value);
}

Result<void> add_names(x509_st& certificate, const Names& names) {
  if (names.empty()) return {};
  const auto free_all = [](GENERAL_NAMES* all) { GENERAL_NAMES_free(all); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_all)> all(GENERAL_NAMES_new(), free_all);
  bool added = all != nullptr;
  for (const std::string& name : names.uris) {
    added = added && add_text_name(*all, GEN_URI, name);
  }
  for (const std::string& name : names.dns) {
    added = added && add_text_name(*all, GEN_DNS, name);
  }
  for (const std::string& address : names.addresses) {
    ASN1_OCTET_STRING* const bytes = a2i_IPADDRESS(address.c_str());
    if (bytes == nullptr) {
      ERR_clear_error();
      return fail(ErrorCode::invalid_argument, "'" + address + "' is no IP address");
    }
    added = added && add_name(*all, GEN_IPADD, bytes);
  }
  if (!added || X509_add1_ext_i2d(&certificate, NID_subject_alt_name, all.get(), 0,
                                  X509V3_ADD_DEFAULT) != 1) {
    return openssl_failed("writing the names");
  }
  return {};
}

template <class Write>
std::string pem_of(Write write) {
  const BioHandle out(BIO_new(BIO_s_mem()));
  if (out == nullptr || write(out.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<CertificateAndKey> signed_by(evp_pkey_st& signer, x509_st& certificate, evp_pkey_st& key) {
  if (X509_sign(&certificate, &signer, EVP_sha256()) <= 0) return openssl_failed("signing");
  CertificateAndKey pem;
  pem.certificate = pem_of([&](BIO* out) { return PEM_write_bio_X509(out, &certificate); });
  pem.key = pem_of([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, &key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (pem.certificate.empty() || pem.key.empty()) return openssl_failed("writing PEM");
  return pem;
}

std::string common_name_of(const x509_st& certificate) {
  std::array<char, 4 * kMostSubjectBytes> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName,
                                             text.data(), static_cast<int>(text.size()));
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

Result<CertificateAndKey> Authority::make(const std::string& cluster, const Validity& validity) {
  if (auto valid = validate_subject(cluster); !valid) return tl::unexpected(valid.error());
  const KeyHandle key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_failed("making a key");
  const CertificateHandle made = new_certificate(validity, *key, cluster);
  if (made == nullptr || X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) != 1) {
    return openssl_failed("making a certificate");
  }
  x509_st& certificate = *made;
  if (!add_extension(certificate, certificate, NID_basic_constraints,
                     "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate, certificate, NID_subject_key_identifier, "hash")) {
    return openssl_failed("making a certificate");
  }
  return signed_by(*key, certificate, *key);
}

Authority::Authority(CertificateHandle certificate, KeyHandle key, std::string cluster)
    : certificate_(std::move(certificate)), key_(std::move(key)), cluster_(std::move(cluster)) {}

Result<Authority> Authority::read(const CertificateAndKey& pem) {
  auto certificates = read_certificates(pem.certificate, "the CA's certificate");
  if (!certificates) return tl::unexpected(certificates.error());
  Result<KeyHandle> key = read_key(pem.key, "the CA's key");
  if (!key) return tl::unexpected(key.error());
  CertificateHandle certificate = std::move(certificates->front());
  if (X509_check_ca(certificate.get()) != 1) {
    return fail(ErrorCode::invalid_argument,
                "the certificate is of " + subject_of(*certificate) + ", who is no authority");
  }
  if (X509_check_private_key(certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::invalid_argument, "the CA's key belongs to another certificate");
  }
  std::string cluster = common_name_of(*certificate);
  return Authority(std::move(certificate), *std::move(key), std::move(cluster));
}

Result<CertificateAndKey> Authority::issue(const std::string& subject, const Names& names,
                                           const Validity& validity) const {
  if (auto valid = validate_subject(subject); !valid) return tl::unexpected(valid.error());
  if (auto valid = validate_names(names); !valid) return tl::unexpected(valid.error());
  if (validity.until > valid_until()) {
    return fail(ErrorCode::invalid_argument,
                "the certificate would be valid until " + to_string(validity.until) +
                    ", and its CA only until " + to_string(valid_until()));
  }
  const KeyHandle key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_failed("making a key");
  const CertificateHandle made = new_certificate(validity, *key, subject);
  if (made == nullptr ||
      X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get())) != 1) {
    return openssl_failed("making a certificate");
  }
  x509_st& certificate = *made;
  if (!add_extension(certificate, *certificate_, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate, *certificate_, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate, *certificate_, NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(certificate, *certificate_, NID_subject_key_identifier, "hash") ||
      !add_extension(certificate, *certificate_, NID_authority_key_identifier, "keyid:always")) {
    return openssl_failed("making a certificate");
  }
  if (auto added = add_names(certificate, names); !added) return tl::unexpected(added.error());
  return signed_by(*key_, certificate, *key);
}

}  // namespace kith::edge::tls
