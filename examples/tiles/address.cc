// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#include <charconv>
#include <string>

namespace tiles {

kith::Result<boost::asio::ip::tcp::endpoint> parse_address(std::string_view text) {
  const auto bad = [&text] {
    return kith::fail(kith::ErrorCode::invalid_argument,
                      "\"" + std::string(text) + "\" is not an address such as 127.0.0.1:8081");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return bad();
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  unsigned short port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return bad();
  boost::system::error_code not_ip;
  const auto ip = boost::asio::ip::make_address(std::string(host), not_ip);
  if (not_ip) return bad();
  return boost::asio::ip::tcp::endpoint(ip, port);
}

}  // namespace tiles
