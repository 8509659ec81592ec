// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/tls/certificate.h"

namespace kith::edge::tls {

/// One pattern for the name in a peer's certificate:
///
///     kith://prod/*              a URI; each segment between slashes is a word, or * for any
///     *.kith.prod.internal       a DNS name; each label between dots is a word, or * for any
///     *                          any certificate of the CA, whatever its names
///
/// A * stands for one whole segment or label, never for several, none, or a part of one. DNS names,
/// schemes and hosts are compared without regard to case; paths are compared byte for byte.
class NamePattern {
 public:
  /// Errors: invalid_argument, with the pattern and what is wrong with it.
  static Result<NamePattern> parse(std::string_view text);

  bool matches(const Names& names) const;
  const std::string& text() const { return text_; }

 private:
  enum class Kind { any, dns, uri };

  NamePattern(Kind kind, std::string_view text) : kind_(kind), text_(text) {}

  Kind kind_;
  std::string text_;
};

/// The cluster's rule: a peer's certificate must have a name that one of the patterns matches.
class NameRule {
 public:
  /// Errors: invalid_argument; there must be a pattern.
  static Result<NameRule> parse(std::span<const std::string> patterns);

  bool allows(const Names& names) const;
  /// The patterns: "a or b".
  std::string to_string() const;

 private:
  std::vector<NamePattern> patterns_;
};

}  // namespace kith::edge::tls
