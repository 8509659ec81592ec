// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace kith::edge {

/// An address as people write it: "host:port", "192.0.2.1:port" or "[2001:db8::1]:port".
struct Address {
  /// Without brackets.
  std::string host;
  std::uint16_t port = 0;

  /// Errors: invalid_argument, with the text and what is wrong with it.
  static Result<Address> parse(std::string_view text);
  std::string to_string() const;

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace kith::edge
