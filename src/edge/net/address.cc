// SPDX-License-Identifier: Apache-2.0
#include "edge/net/address.h"

#include <charconv>

namespace kith::edge {

namespace {

/// RFC 1035's bound on a name; an address is shorter.
constexpr std::size_t kMaxHostBytes = 255;

tl::unexpected<Error> wrong(std::string_view text, std::string_view why) {
  return fail(ErrorCode::invalid_argument,
              std::string("'").append(text).append("' is not an address: ").append(why));
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong(text, "it has no port; write host:port");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return wrong(text, "brackets are for IPv6");
  } else if (host.find(':') != std::string_view::npos) {
    return wrong(text, "an IPv6 address goes in brackets: [::1]:7400");
  }
  if (host.empty()) return wrong(text, "it has no host; write 0.0.0.0 to listen on all");
  if (host.size() > kMaxHostBytes) return wrong(text, "the host is longer than 255 bytes");
  if (host.find_first_of(" \t\r\n[]/@") != std::string_view::npos) {
    return wrong(text, "the host has a character that no host has");
  }

  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    return wrong(text, "the port is not a number from 0 to 65535");
  }
  return Address{std::string(host), port};
}

std::string Address::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace kith::edge
