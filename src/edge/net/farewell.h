// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "edge/net/socket_handle.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge {

/// Last words to a peer that is not let in. A socket that is closed while bytes of the peer lie
/// unread in it would take back what was said: so it stays open until this object is destroyed, and
/// whatever comes in is thrown away unseen. Loop thread only.
class Farewell {
 public:
  /// Sends `words`, as far as the socket takes them at once. `context` must outlive it.
  Farewell(boost::asio::io_context& context, SocketHandle socket, std::string_view words);
  ~Farewell();
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge
