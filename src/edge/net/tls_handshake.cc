// SPDX-License-Identifier: Apache-2.0
#include "edge/net/tls_handshake.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/net/in_words.h"

namespace kith::edge {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// More is no handshake: a chain of certificates has a few KiB.
constexpr std::size_t kMostReceived = 256 * 1024;

}  // namespace

/// Shared with the handlers under way.
struct TlsHandshake::Impl final : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, Channel channel, Done done_)
      : socket(context), tls(std::move(channel.tls)), done(std::move(done_)) {
    error_code error;
    socket.assign(tcp::v4(), channel.socket.descriptor(), error);
    if (!error) channel.socket.release();
    if (!error) socket.non_blocking(true, error);
  }

  void step();
  bool send();
  void receive();
  void on_received(const error_code& error, std::size_t bytes);
  void end(Result<void> result);

  tcp::socket socket;
  std::unique_ptr<tls::Session> tls;
  /// Empty: it was called, or is not to be.
  Done done;
  std::size_t received = 0;
};

TlsHandshake::TlsHandshake(asio::io_context& context, Channel channel, Done done)
    : impl_(std::make_shared<Impl>(context, std::move(channel), std::move(done))) {
  asio::post(context, [impl = impl_] { impl->step(); });
}

TlsHandshake::~TlsHandshake() {
  impl_->done = nullptr;
  error_code ignored;
  impl_->socket.close(ignored);
}

void TlsHandshake::Impl::step() {
  if (!done) return;
  const Result<bool> complete = tls->handshake();
  // When it is complete the rest goes out with the first message.
  if (complete && *complete) return end({});
  const bool sent = send();
  if (!complete) return end(tl::unexpected(complete.error()));
  if (sent) receive();
}

/// False: ended, or the socket takes no more for now and step() will be called again.
bool TlsHandshake::Impl::send() {
  while (!tls->output().empty()) {
    const auto output = tls->output();
    error_code error;
    const std::size_t sent = socket.write_some(asio::buffer(output.data(), output.size()), error);
    tls->sent(sent);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      socket.async_wait(tcp::socket::wait_write,
                        [self = shared_from_this()](const error_code& failed) {
                          if (!failed) self->step();
                        });
      return false;
    }
    if (error) {
      end(kith::fail(ErrorCode::unavailable, in_words(error)));
      return false;
    }
  }
  return true;
}

void TlsHandshake::Impl::receive() {
  if (!done) return;
  const auto space = tls->space();
  socket.async_read_some(asio::buffer(space.data(), space.size()),
                         [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                           self->on_received(error, bytes);
                         });
}

void TlsHandshake::Impl::on_received(const error_code& error, std::size_t bytes) {
  if (!done) return;
  if (error) {
    return end(kith::fail(ErrorCode::unavailable, in_words(error) + " during the TLS handshake"));
  }
  received += bytes;
  if (received > kMostReceived) {
    return end(kith::fail(ErrorCode::failed_precondition, "its TLS handshake has no end"));
  }
  tls->commit(bytes);
  step();
}

void TlsHandshake::Impl::end(Result<void> result) {
  if (!done) return;
  Outcome outcome{.channel = {}, .result = std::move(result)};
  error_code ignored;
  outcome.channel.socket = SocketHandle(socket.release(ignored));
  outcome.channel.tls = std::move(tls);
  // Moved out first: the call may destroy the handshake.
  std::exchange(done, nullptr)(std::move(outcome));
}

}  // namespace kith::edge
