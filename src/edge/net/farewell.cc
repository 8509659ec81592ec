// SPDX-License-Identifier: Apache-2.0
#include "edge/net/farewell.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>

namespace kith::edge {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Shared with the handler under way.
struct Farewell::Impl final : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::io_context& context) : socket(context) {}

  void throw_away() {
    socket.async_read_some(asio::buffer(unread),
                           [self = shared_from_this()](const error_code& error, std::size_t) {
                             if (!error) self->throw_away();
                           });
  }

  tcp::socket socket;
  std::array<std::byte, 4096> unread;
};

Farewell::Farewell(asio::io_context& context, SocketHandle socket, std::string_view words)
    : impl_(std::make_shared<Impl>(context)) {
  error_code error;
  impl_->socket.assign(tcp::v4(), socket.descriptor(), error);
  if (error) return;
  socket.release();
  impl_->socket.non_blocking(true, error);
  // Best effort: who is refused has no right to be told.
  if (!error && !words.empty()) {
    impl_->socket.write_some(asio::buffer(words.data(), words.size()), error);
  }
  if (!error) impl_->socket.shutdown(tcp::socket::shutdown_send, error);
  if (!error) impl_->throw_away();
}

Farewell::~Farewell() {
  error_code ignored;
  impl_->socket.close(ignored);
}

}  // namespace kith::edge
