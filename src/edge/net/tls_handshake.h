// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <functional>
#include <memory>

#include "edge/net/channel.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge {

/// Makes a connected socket a secured one, or finds out why it cannot. Has no deadline of its own.
/// Loop thread only.
class TlsHandshake {
 public:
  struct Outcome {
    /// Also when it failed: the peer may be told why.
    Channel channel;
    /// See tls::Session.
    Result<void> result;
  };
  /// Called once, never from within the constructor. May destroy the handshake.
  using Done = std::function<void(Outcome)>;

  /// Begins. `context` must outlive it. The session says which side this is.
  TlsHandshake(boost::asio::io_context& context, Channel channel, Done done);
  /// Gives up, and closes the socket unless it was handed on. Nobody is told.
  ~TlsHandshake();
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge
