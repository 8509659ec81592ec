// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "edge/gossip/endpoint.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge::gossip {

/// Datagrams. Loop thread only.
class PacketSocket {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_datagram(const Endpoint& source, std::string_view datagram) = 0;
  };

  /// Takes the address; nothing is read before start(). Errors: unavailable.
  static Result<std::unique_ptr<PacketSocket>> open(boost::asio::io_context& context,
                                                    const Endpoint& listen);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  std::uint16_t port() const;
  /// `listener` must outlive the socket. Once.
  void start(Listener& listener);
  /// Sends, or loses it: datagrams may be lost anywhere. False: they cannot get there from this
  /// socket at all.
  bool send(const Endpoint& to, std::string_view datagram);
  /// Hands over all that has arrived, but some thousands of datagrams at most. The loop does it by
  /// itself, in smaller portions; this is for who needs it done now.
  void receive_all();

 private:
  class Impl;
  explicit PacketSocket(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge::gossip
