// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "edge/tls/handles.h"

namespace kith::edge::tls {

using SystemTime = std::chrono::sys_seconds;

/// The names that a certificate gives its holder: its subject alternative names. What is no name,
/// because it is longer than 1024 bytes or has other bytes than printed ones, is left out.
struct Names {
  std::vector<std::string> dns = {};
  std::vector<std::string> uris = {};
  /// In numbers, as people write them.
  std::vector<std::string> addresses = {};

  bool empty() const { return dns.empty() && uris.empty() && addresses.empty(); }
  /// All of them, "a, b, c"; "no names".
  std::string to_string() const;
};

/// What a certificate says.
struct CertificateText {
  std::string subject;
  std::string issuer;
  Names names;
  SystemTime not_before;
  SystemTime not_after;
  /// May sign others.
  bool authority = false;
  /// May be shown by one that dials, by one that accepts.
  bool for_client = false;
  bool for_server = false;
  /// Such as "EC prime256v1".
  std::string key;
  /// Of the whole certificate, SHA-256, in hexadecimal.
  std::string fingerprint;
};

/// The certificates of a PEM text, in order, at least one. `what` names the text in errors:
/// invalid_argument.
Result<std::vector<CertificateHandle>> read_certificates(std::string_view pem,
                                                         std::string_view what);
/// The private key of a PEM text. One with a pass phrase is not read. Errors: invalid_argument.
Result<KeyHandle> read_key(std::string_view pem, std::string_view what);

Names names_of(const x509_st& certificate);
SystemTime valid_from(const x509_st& certificate);
SystemTime valid_until(const x509_st& certificate);
std::string subject_of(const x509_st& certificate);
std::string issuer_of(const x509_st& certificate);
CertificateText describe(const x509_st& certificate);

/// Why `what` of the settings is not accepted.
tl::unexpected<Error> unusable(std::string_view what, const std::string& why);

/// "2026-11-21 16:40:12 UTC".
std::string to_string(SystemTime time);

/// What OpenSSL has to say about its last failure on this thread, which is then forgotten.
std::string last_error();

}  // namespace kith::edge::tls
