// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edge/tls/certificate.h"
#include "edge/tls/handles.h"
#include "edge/tls/name_rule.h"

namespace kith::edge::tls {

/// Where a node's credentials are, in PEM form, and whom it takes for a peer.
struct Settings {
  std::string certificate_file;
  std::string key_file;
  std::string ca_file;
  /// Patterns: see NamePattern.
  std::vector<std::string> peer_names;
};

/// What the files hold. Its copies wipe themselves.
class Material {
 public:
  /// Errors: invalid_argument, with the option, the file and what is wrong with it.
  static Result<Material> read(const Settings& settings);
  Material(const Material&) = default;
  Material& operator=(const Material&) = delete;
  ~Material();

  const std::string& certificate() const { return certificate_; }
  const std::string& key() const { return key_; }
  const std::string& ca() const { return ca_; }
  /// Differs when anything does.
  using Digest = std::array<std::uint8_t, 32>;
  Digest digest() const;

 private:
  Material() = default;

  std::string certificate_;
  std::string key_;
  std::string ca_;
};

/// Whether a node may use a certificate that its peers would refuse. It may in tests of what the
/// peers do then, and in life when a certificate expires while it is in use.
enum class OwnCertificate : std::uint8_t { must_be_good, may_be_bad };

/// What connections are secured with: TLS 1.3, this node's certificate, the CA, and the rule for
/// peers. Immutable, so that a connection keeps what it began with. Thread-safe.
class Context {
 public:
  /// A certificate must be what peers with the same settings would accept: of the CA, valid now,
  /// for both sides of a connection, and named as the rule says. Errors: invalid_argument, with the
  /// option, the file and what is wrong with it.
  static Result<std::shared_ptr<const Context>> create(const Settings& settings,
                                                       const Material& material,
                                                       OwnCertificate own);

  const NameRule& rule() const { return rule_; }
  /// This node's certificate.
  const CertificateText& certificate() const { return certificate_; }
  ssl_ctx_st& get() const { return *context_; }

 private:
  Context(ContextHandle context, NameRule rule, CertificateText certificate);

  ContextHandle context_;
  NameRule rule_;
  CertificateText certificate_;
};

/// What both sides must agree to speak inside TLS (ALPN), as a length and a name.
inline constexpr unsigned char kProtocol[] = {6, 'k', 'i', 't', 'h', '/', '1'};

}  // namespace kith::edge::tls
