// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string>
#include <string_view>

#include "edge/tls/certificate.h"
#include "edge/tls/handles.h"

namespace kith::edge::tls {

/// A certificate and its private key, each in PEM form.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

/// From when to when a certificate is valid.
struct Validity {
  SystemTime from;
  SystemTime until;
};

/// A small certificate authority: it signs the certificates of one cluster's nodes. Keys are on the
/// curve P-256.
class Authority {
 public:
  /// Makes a new one. `cluster` is its name: 1 to 64 letters, digits, '.', '-' and '_'.
  /// Errors: invalid_argument; internal (OpenSSL fails).
  static Result<CertificateAndKey> make(const std::string& cluster, const Validity& validity);
  /// Takes one from its files' contents. Errors: invalid_argument: they do not belong together, or
  /// it is no authority.
  static Result<Authority> read(const CertificateAndKey& pem);

  /// Makes a key and a certificate for it, to be shown to those who dial and to those who are
  /// dialed. `subject` is as `cluster` above; the names are what peers look at. Errors:
  /// invalid_argument (a name that is none, or a validity that is longer than the authority's own);
  /// internal.
  Result<CertificateAndKey> issue(const std::string& subject, const Names& names,
                                  const Validity& validity) const;

  /// The cluster's name.
  const std::string& cluster() const { return cluster_; }
  SystemTime valid_until() const { return tls::valid_until(*certificate_); }

 private:
  Authority(CertificateHandle certificate, KeyHandle key, std::string cluster);

  CertificateHandle certificate_;
  KeyHandle key_;
  std::string cluster_;
};

}  // namespace kith::edge::tls
