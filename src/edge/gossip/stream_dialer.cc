// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/stream_dialer.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/slab.h"
#include "edge/gossip/socket_address.h"
#include "wire/gossip/stream.h"

namespace kith::edge::gossip {

namespace asio = boost::asio;
namespace wg = wire::gossip;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kReplyReadBytes = 16 << 10;

}  // namespace

/// Shared with the handlers under way.
class StreamDialer::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const Speech& speech, const Limits& limits, Listener& listener)
      : context_(context), speech_(speech), limits_(limits), listener_(&listener) {}

  StreamId open(const Endpoint& to, const wg::StreamMessage& request, Duration patience);
  void close();

 private:
  /// One stream. Shared with its handlers, which find it by its id only as long as it is in
  /// streams_.
  struct Stream {
    Stream(asio::io_context& context, Endpoint whereto, const Speech& speech, const Limits& limits)
        : to(std::move(whereto)),
          socket(context),
          timer(context),
          reader(speech.pool, wg::Speaker::acceptor, limits.reply) {}

    const Endpoint to;
    std::string request;
    bool has_reply = true;
    bool waiting = true;
    tcp::socket socket;
    asio::steady_timer timer;
    wg::StreamReader reader;
    std::array<char, kReplyReadBytes> buffer;
  };
  using Shared = std::shared_ptr<Stream>;

  void dial(StreamId id, const Shared& stream);
  void on_connected(StreamId id, const Shared& stream);
  void write(StreamId id, const Shared& stream);
  void read(StreamId id, const Shared& stream);
  void on_read(StreamId id, const Shared& stream, std::string_view bytes);
  void on_error(StreamId id, const Shared& stream, const error_code& error);
  bool alive(StreamId id) { return streams_.find(id) != nullptr; }
  void fail_soon(StreamId id, Error why);
  void end(StreamId id, Result<std::optional<wg::StreamMessage>> reply);
  void dial_next();

  asio::io_context& context_;
  const Speech& speech_;
  const Limits limits_;
  /// Null: closed.
  Listener* listener_;
  Slab<Shared> streams_;
  std::size_t open_ = 0;
  /// May name some that have ended.
  std::deque<StreamId> waiting_;
  std::size_t waiting_count_ = 0;
  std::size_t waiting_bytes_ = 0;
};

StreamDialer::StreamDialer(asio::io_context& context, const Speech& speech, const Limits& limits,
                           Listener& listener)
    : impl_(std::make_shared<Impl>(context, speech, limits, listener)) {}

StreamDialer::~StreamDialer() { impl_->close(); }

StreamDialer::StreamId StreamDialer::open(const Endpoint& to, const wg::StreamMessage& request,
                                          Duration patience) {
  return impl_->open(to, request, patience);
}

StreamDialer::StreamId StreamDialer::Impl::open(const Endpoint& to,
                                                const wg::StreamMessage& request,
                                                Duration patience) {
  const auto stream = std::make_shared<Stream>(context_, to, speech_, limits_);
  const StreamId id = streams_.insert(stream);
  stream->has_reply = !std::holds_alternative<wg::UserMessage>(request);
  auto sealed = seal_stream(request, speech_, wg::Speaker::dialler);
  if (!sealed) {
    stream->waiting = false;
    ++open_;
    fail_soon(id, sealed.error());
    return id;
  }
  stream->request = *std::move(sealed);
  ++waiting_count_;
  waiting_bytes_ += stream->request.size();
  if (open_ >= limits_.max_streams &&
      (waiting_count_ > limits_.max_waiting || waiting_bytes_ > limits_.max_waiting_bytes)) {
    fail_soon(id, {ErrorCode::resource_exhausted, "too many gossip streams wait to be opened"});
    return id;
  }
  stream->timer.expires_after(patience);
  stream->timer.async_wait([self = shared_from_this(), id](const error_code& error) {
    if (error || !self->alive(id)) return;
    self->end(id, fail(ErrorCode::timed_out, "no reply in time"));
  });
  waiting_.push_back(id);
  dial_next();
  return id;
}

void StreamDialer::Impl::dial_next() {
  while (open_ < limits_.max_streams && !waiting_.empty()) {
    const StreamId id = waiting_.front();
    waiting_.pop_front();
    const Shared* found = streams_.find(id);
    if (found == nullptr) continue;
    const Shared stream = *found;
    stream->waiting = false;
    --waiting_count_;
    waiting_bytes_ -= stream->request.size();
    ++open_;
    dial(id, stream);
  }
  if (waiting_count_ == 0) waiting_.clear();
}

void StreamDialer::Impl::dial(StreamId id, const Shared& stream) {
  const auto address = to_socket(stream->to, family_of(stream->to));
  if (!address) {
    return fail_soon(id, {ErrorCode::unavailable, stream->to.to_string() + " is no address"});
  }
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), address->get(), address->size);
  error_code error;
  stream->socket.open(endpoint.protocol(), error);
  if (error) return fail_soon(id, {ErrorCode::unavailable, error.message()});
  static_cast<void>(::fcntl(stream->socket.native_handle(), F_SETFD, FD_CLOEXEC));
  error_code ignored;
  stream->socket.set_option(tcp::no_delay(true), ignored);
  stream->socket.async_connect(endpoint,
                               [self = shared_from_this(), id, stream](const error_code& failed) {
                                 if (!self->alive(id)) return;
                                 if (failed) return self->on_error(id, stream, failed);
                                 self->on_connected(id, stream);
                               });
}

void StreamDialer::Impl::on_connected(StreamId id, const Shared& stream) {
  // Where nobody listens on a port that the system also gives to dialers, one may meet oneself.
  error_code error;
  if (stream->socket.local_endpoint(error) == stream->socket.remote_endpoint(error)) {
    return on_error(id, stream, asio::error::connection_refused);
  }
  write(id, stream);
}

void StreamDialer::Impl::write(StreamId id, const Shared& stream) {
  asio::async_write(stream->socket, asio::buffer(stream->request),
                    [self = shared_from_this(), id, stream](const error_code& error, std::size_t) {
                      if (!self->alive(id)) return;
                      // Who refuses a request may do so before it has read all of it.
                      if (error && !stream->has_reply) return self->on_error(id, stream, error);
                      error_code ignored;
                      if (!stream->has_reply)
                        stream->socket.shutdown(tcp::socket::shutdown_send, ignored);
                      self->read(id, stream);
                    });
}

void StreamDialer::Impl::read(StreamId id, const Shared& stream) {
  stream->socket.async_read_some(
      asio::buffer(stream->buffer),
      [self = shared_from_this(), id, stream](const error_code& error, std::size_t size) {
        if (!self->alive(id)) return;
        if (error) return self->on_error(id, stream, error);
        self->on_read(id, stream, std::string_view(stream->buffer.data(), size));
      });
}

void StreamDialer::Impl::on_read(StreamId id, const Shared& stream, std::string_view bytes) {
  auto message = stream->reader.feed(bytes);
  if (!message) return end(id, tl::unexpected<Error>(std::move(message).error()));
  if (!*message) return read(id, stream);
  if (const auto* refusal = std::get_if<wg::ErrorMessage>(&**message)) {
    return end(id, fail(ErrorCode::failed_precondition, "it answers: " + refusal->error));
  }
  end(id, std::move(*message));
}

void StreamDialer::Impl::on_error(StreamId id, const Shared& stream, const error_code& error) {
  const bool closed = error == asio::error::eof;
  if (closed && !stream->has_reply) return end(id, std::nullopt);
  end(id, fail(ErrorCode::unavailable, closed ? "closed without a reply" : error.message()));
}

void StreamDialer::Impl::fail_soon(StreamId id, Error why) {
  asio::post(context_, [self = shared_from_this(), id, why = std::move(why)]() mutable {
    if (self->alive(id)) self->end(id, tl::unexpected<Error>(std::move(why)));
  });
}

void StreamDialer::Impl::end(StreamId id, Result<std::optional<wg::StreamMessage>> reply) {
  const auto taken = streams_.take(id);
  Stream& stream = **taken;
  if (stream.waiting) {
    --waiting_count_;
    waiting_bytes_ -= stream.request.size();
  } else {
    --open_;
  }
  stream.timer.cancel();
  error_code ignored;
  stream.socket.close(ignored);
  dial_next();
  if (listener_ != nullptr) listener_->on_stream_ended(id, std::move(reply));
}

void StreamDialer::Impl::close() {
  listener_ = nullptr;
  waiting_.clear();
  streams_.for_each([this](StreamId id, Shared& stream) {
    stream->timer.cancel();
    error_code ignored;
    stream->socket.close(ignored);
    streams_.erase(id);
  });
}

}  // namespace kith::edge::gossip
