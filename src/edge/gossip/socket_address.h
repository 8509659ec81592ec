// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <optional>

#include "edge/gossip/endpoint.h"

namespace kith::edge::gossip {

/// An address as the system calls take it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

/// AF_INET for an IPv4 address in either form, AF_INET6 for others; AF_UNSPEC for what is none.
int family_of(const Endpoint& endpoint);
/// For a socket of `family`. Empty: such a socket cannot reach it.
std::optional<SocketAddress> to_socket(const Endpoint& endpoint, int family);
/// IPv4 has 4 bytes, also when the socket is of IPv6.
Endpoint from_socket(const SocketAddress& address);

}  // namespace kith::edge::gossip
