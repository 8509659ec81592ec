// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "edge/net/socket_handle.h"
#include "edge/tls/session.h"

namespace kith::edge {

/// A connected socket, and the TLS that is spoken over it.
struct Channel {
  SocketHandle socket;
  /// Its handshake is done. Null: plaintext.
  std::unique_ptr<tls::Session> tls = {};
};

}  // namespace kith::edge
