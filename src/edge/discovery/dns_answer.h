// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kith::edge::discovery {

enum class DnsType : std::uint16_t { a = 1, aaaa = 28, srv = 33 };

/// An A or AAAA record.
struct DnsAddress {
  /// In lower case, without the dot at its end.
  std::string owner;
  /// Numeric.
  std::string address;
  friend bool operator==(const DnsAddress&, const DnsAddress&) = default;
};

struct DnsService {
  /// As an owner.
  std::string target;
  std::uint16_t port = 0;
  friend bool operator==(const DnsService&, const DnsService&) = default;
};

/// The longest there is (RFC 2181, section 8).
inline constexpr std::chrono::seconds kMaxTtl{0x7fffffff};

/// What matters of a reply.
struct DnsAnswer {
  /// Of the answer itself.
  std::vector<DnsAddress> addresses;
  std::vector<DnsService> services;
  /// A and AAAA records that the server added unasked, usually those of the services' targets.
  std::vector<DnsAddress> additional;
  /// The least TTL of all of these; kMaxTtl when there are none.
  std::chrono::seconds ttl = kMaxTtl;
};

/// Reads a whole reply (RFC 1035, 3596, 2782), which may be anything. Errors: unavailable.
Result<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> reply);

}  // namespace kith::edge::discovery
