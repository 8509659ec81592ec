// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string_view>

namespace kith::edge::gossip {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMapped = "\0\0\0\0\0\0\0\0\0\0\xff\xff"sv;

bool is_mapped(std::string_view ip) { return ip.size() == 16 && ip.starts_with(kMapped); }

SocketAddress ipv4(std::string_view ip, std::uint16_t port) {
  SocketAddress out;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  std::memcpy(&address.sin_addr, ip.data(), ip.size());
  std::memcpy(&out.storage, &address, sizeof(address));
  out.size = sizeof(address);
  return out;
}

SocketAddress ipv6(std::string_view ip, std::uint16_t port) {
  SocketAddress out;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  std::memcpy(&address.sin6_addr, ip.data(), ip.size());
  std::memcpy(&out.storage, &address, sizeof(address));
  out.size = sizeof(address);
  return out;
}

}  // namespace

int family_of(const Endpoint& endpoint) {
  if (endpoint.ip.size() == 4 || is_mapped(endpoint.ip)) return AF_INET;
  return endpoint.ip.size() == 16 ? AF_INET6 : AF_UNSPEC;
}

std::optional<SocketAddress> to_socket(const Endpoint& endpoint, int family) {
  std::string_view ip = endpoint.ip;
  if (is_mapped(ip)) ip.remove_prefix(kMapped.size());
  if (family == AF_INET && ip.size() == 4) return ipv4(ip, endpoint.port);
  if (family != AF_INET6) return std::nullopt;
  if (ip.size() == 4) return ipv6(std::string(kMapped).append(ip), endpoint.port);
  if (ip.size() == 16) return ipv6(ip, endpoint.port);
  return std::nullopt;
}

Endpoint from_socket(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in of4{};
    std::memcpy(&of4, &address.storage, sizeof(of4));
    std::string ip(4, '\0');
    std::memcpy(ip.data(), &of4.sin_addr, ip.size());
    return {std::move(ip), ntohs(of4.sin_port)};
  }
  if (address.storage.ss_family != AF_INET6) return {};
  sockaddr_in6 of6{};
  std::memcpy(&of6, &address.storage, sizeof(of6));
  std::string ip(16, '\0');
  std::memcpy(ip.data(), &of6.sin6_addr, ip.size());
  if (is_mapped(ip)) ip.erase(0, kMapped.size());
  return {std::move(ip), ntohs(of6.sin6_port)};
}

}  // namespace kith::edge::gossip
