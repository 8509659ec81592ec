// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <string>
#include <vector>

namespace kith {

/// TLS 1.3 between nodes, in which both sides show a certificate. docs/security.md says how to make
/// them with `kith certs`, and what each refusal means. Files are PEM.
struct TlsOptions {
  /// This node's certificate, then those between it and the CA, if there are any.
  std::string certificate_file = {};
  /// Its private key, without a pass phrase.
  std::string key_file = {};
  /// The CAs whose certificates are taken; several while one replaces another.
  std::string ca_file = {};
  /// Which holders of such certificates are nodes of this cluster: a DNS or URI name of the
  /// certificate must match one of these patterns. In "*.cache.example.internal" a `*` is one whole
  /// label, in "kith://prod/*" one whole segment. "*" alone takes every certificate of the CA:
  /// right only for a CA that serves nothing but this cluster. At least one, the same on every
  /// node.
  std::vector<std::string> peer_names = {};
  /// How often the files are looked at, to take new ones into use without a restart. Zero: only
  /// when Node::reload_certificates() is called. Otherwise at least a second.
  Duration reload_interval = std::chrono::seconds(30);
};

}  // namespace kith
