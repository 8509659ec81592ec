// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace kith::edge::gossip {

Result<Endpoint> Endpoint::from_digits(std::string_view host, std::uint16_t port) {
  const std::string text(host);
  std::string ip(4, '\0');
  if (::inet_pton(AF_INET, text.c_str(), ip.data()) == 1) return Endpoint{std::move(ip), port};
  ip.resize(16);
  if (::inet_pton(AF_INET6, text.c_str(), ip.data()) == 1) return Endpoint{std::move(ip), port};
  return fail(ErrorCode::invalid_argument, "'" + text + "' is not an IP address");
}

std::string Endpoint::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ip.size() == 4 ? AF_INET : AF_INET6;
  const bool known = (ip.size() == 4 || ip.size() == 16) &&
                     ::inet_ntop(family, ip.data(), text.data(), text.size()) != nullptr;
  if (!known) return "an address of " + std::to_string(ip.size()) + " bytes";
  const std::string digits = text.data();
  return (family == AF_INET6 ? "[" + digits + "]" : digits) + ":" + std::to_string(port);
}

bool Endpoint::is_wildcard() const {
  return std::all_of(ip.begin(), ip.end(), [](char byte) { return byte == '\0'; });
}

}  // namespace kith::edge::gossip
