// SPDX-License-Identifier: Apache-2.0
#include "edge/tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <memory>
#include <span>
#include <utility>

namespace kith::edge::tls {

namespace {

/// Longer names are cut off where people read them, and are no names elsewhere.
constexpr std::size_t kMostReadNameBytes = 1024;

/// Called for keys with a pass phrase. Without it OpenSSL would ask at the terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

BioHandle bio_of(std::string_view text) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  if (text.size() > kMost) return nullptr;
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string content_of(bio_st& bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(&bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string text_of(const X509_NAME* name) {
  const BioHandle out(BIO_new(BIO_s_mem()));
  // Control characters and what is not ASCII come out escaped.
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
  return content_of(*out).substr(0, kMostReadNameBytes);
}

SystemTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return SystemTime();
  return SystemTime(std::chrono::seconds(timegm(&parts)));
}

/// Empty: it is none.
std::string text_of(const ASN1_STRING* string) {
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  std::string text(bytes, static_cast<std::size_t>(ASN1_STRING_length(string)));
  const bool good =
      text.size() <= kMostReadNameBytes &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return good ? text : std::string();
}

std::string address_of(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(bytes);
  if (size != 4 && size != 16) return {};
  const int family = size == 4 ? AF_INET : AF_INET6;
  const char* const printed =
      inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return printed == nullptr ? std::string() : printed;
}

std::string key_of(const x509_st& certificate) {
  evp_pkey_st* const key = X509_get0_pubkey(&certificate);
  if (key == nullptr) return "unknown";
  const char* const type = EVP_PKEY_get0_type_name(key);
  std::string text = type == nullptr ? "unknown" : type;
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1) {
    text.append(" ").append(group.data());
  } else {
    text += ' ' + std::to_string(EVP_PKEY_get_bits(key)) + " bits";
  }
  ERR_clear_error();
  return text;
}

std::string fingerprint_of(const x509_st& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) return "unknown";
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : std::span(digest).first(size)) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

bool may(const x509_st& certificate, int purpose) {
  // Computes what the certificate caches of itself, behind the const.
  return X509_check_purpose(const_cast<x509_st*>(&certificate), purpose, 0) == 1;
}

}  // namespace

std::string Names::to_string() const {
  std::string text;
  for (const auto* const kind : {&uris, &dns, &addresses}) {
    for (const std::string& name : *kind) text.append(text.empty() ? "" : ", ").append(name);
  }
  return text.empty() ? "no names" : text;
}

tl::unexpected<Error> unusable(std::string_view what, const std::string& why) {
  return fail(ErrorCode::invalid_argument, std::string(what) + ' ' + why);
}

std::string last_error() {
  const unsigned long code = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "error " + std::to_string(code) : reason;
  ERR_clear_error();
  return text;
}

Result<std::vector<CertificateHandle>> read_certificates(std::string_view pem,
                                                         std::string_view what) {
  const BioHandle in = bio_of(pem);
  std::vector<CertificateHandle> certificates;
  ERR_clear_error();
  while (in != nullptr) {
    CertificateHandle next(PEM_read_bio_X509(in.get(), nullptr, no_pass_phrase, nullptr));
    if (next == nullptr) break;
    certificates.push_back(std::move(next));
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = last_error();
  if (certificates.empty() && ended) return unusable(what, "has no certificate in PEM form");
  if (!ended) return unusable(what, "has a certificate that cannot be read: " + why);
  return certificates;
}

Result<KeyHandle> read_key(std::string_view pem, std::string_view what) {
  if (pem.find("ENCRYPTED") != std::string_view::npos) {
    return unusable(what, "has a pass phrase, and nobody to ask for it: keep it without one");
  }
  const BioHandle in = bio_of(pem);
  ERR_clear_error();
  KeyHandle key(in == nullptr
                    ? nullptr
                    : PEM_read_bio_PrivateKey(in.get(), nullptr, no_pass_phrase, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return unusable(what, "has no private key in PEM form");
  }
  return key;
}

Names names_of(const x509_st& certificate) {
  Names names;
  const auto free_all = [](GENERAL_NAMES* all) { GENERAL_NAMES_free(all); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_all)> all(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_all);
  const auto add = [](std::vector<std::string>& to, std::string name) {
    if (!name.empty()) to.push_back(std::move(name));
  };
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    int kind = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &kind);
    if (kind == GEN_DNS) add(names.dns, text_of(static_cast<const ASN1_STRING*>(value)));
    if (kind == GEN_URI) add(names.uris, text_of(static_cast<const ASN1_STRING*>(value)));
    if (kind == GEN_IPADD) {
      add(names.addresses, address_of(static_cast<const ASN1_OCTET_STRING*>(value)));
    }
  }
  ERR_clear_error();
  return names;
}

SystemTime valid_from(const x509_st& certificate) {
  return time_of(X509_get0_notBefore(&certificate));
}
SystemTime valid_until(const x509_st& certificate) {
  return time_of(X509_get0_notAfter(&certificate));
}
std::string subject_of(const x509_st& certificate) {
  return text_of(X509_get_subject_name(&certificate));
}
std::string issuer_of(const x509_st& certificate) {
  return text_of(X509_get_issuer_name(&certificate));
}

CertificateText describe(const x509_st& certificate) {
  return {.subject = subject_of(certificate),
          .issuer = issuer_of(certificate),
          .names = names_of(certificate),
          .not_before = valid_from(certificate),
          .not_after = valid_until(certificate),
          .authority = X509_check_ca(const_cast<x509_st*>(&certificate)) == 1,
          .for_client = may(certificate, X509_PURPOSE_SSL_CLIENT),
          .for_server = may(certificate, X509_PURPOSE_SSL_SERVER),
          .key = key_of(certificate),
          .fingerprint = fingerprint_of(certificate)};
}

std::string to_string(SystemTime time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "a time out of range";
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

}  // namespace kith::edge::tls
