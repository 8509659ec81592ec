// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::edge::gossip {

/// Where a node listens, for packets and for streams, in the bytes of the wire: 4 of IPv4, 16 of
/// IPv6 or of an IPv4 address mapped into it. Compared byte by byte, as memberlist does; to a
/// socket the two forms of an IPv4 address are the same.
struct Endpoint {
  std::string ip;
  std::uint16_t port = 0;

  /// `host` is an address in digits, no name. Errors: invalid_argument.
  static Result<Endpoint> from_digits(std::string_view host, std::uint16_t port);
  /// As in "192.0.2.1:7946" and "[2001:db8::1]:7946"; for people.
  std::string to_string() const;
  /// Not one address, but all that this machine has.
  bool is_wildcard() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace kith::edge::gossip
