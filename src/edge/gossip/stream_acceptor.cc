// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/stream_acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/slab.h"
#include "edge/gossip/socket_address.h"
#include "wire/gossip/stream.h"

namespace kith::edge::gossip {

namespace asio = boost::asio;
namespace wg = wire::gossip;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 256;
constexpr std::size_t kRequestReadBytes = 16 << 10;
/// Pause after accepting failed, mostly for want of file descriptors.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
/// After its answer a caller may go on talking for so long, and is not heard. Closed at once, the
/// system would reset the connection, and the answer might be lost.
constexpr Duration kLastWords = std::chrono::seconds(1);
constexpr std::size_t kMaxLastWords = 1 << 20;

Endpoint remote_of(const tcp::socket& socket) {
  error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return {};
  SocketAddress address;
  std::memcpy(&address.storage, remote.data(), remote.size());
  address.size = static_cast<socklen_t>(remote.size());
  return from_socket(address);
}

}  // namespace

/// Shared with the handlers under way.
class StreamAcceptor::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const Speech& speech, const Limits& limits)
      : speech_(speech), limits_(limits), acceptor_(context), pause_(context) {}

  Result<void> open(const Endpoint& listen);
  std::uint16_t port() const { return port_; }
  void start(Listener& listener) {
    listener_ = &listener;
    accept();
  }
  void close();
  void reply(CallerId id, const wg::StreamMessage& message);
  void refuse(CallerId id) { end(id); }

 private:
  /// What is known of one stream. Shared with its handlers, which find it by its id only as long as
  /// it is in callers_.
  struct Caller {
    Caller(tcp::socket its_socket, const Speech& speech, const Limits& limits)
        : socket(std::move(its_socket)),
          source(remote_of(socket)),
          timer(socket.get_executor()),
          reader(speech.pool, wg::Speaker::dialler, limits.request) {}

    tcp::socket socket;
    const Endpoint source;
    asio::steady_timer timer;
    wg::StreamReader reader;
    /// Of the request, while it is not whole. Afterwards: of what came after it.
    std::size_t received = 0;
    std::array<char, kRequestReadBytes> buffer;
    std::string answer;
  };

  void accept();
  void on_accept(const error_code& error, tcp::socket socket);
  void limit(CallerId id, Caller& caller, Duration patience, std::string_view said);
  void read(CallerId id, const std::shared_ptr<Caller>& caller);
  void on_read(CallerId id, const std::shared_ptr<Caller>& caller, std::string_view bytes);
  void on_unreadable(CallerId id, Caller& caller, const Error& error);
  void write(CallerId id, const std::shared_ptr<Caller>& caller);
  void hear_out(CallerId id, const std::shared_ptr<Caller>& caller);
  void give_up(CallerId id, ErrorCode code, std::string_view why);
  /// Takes it down, if it is still there.
  void end(CallerId id);
  Caller* find(CallerId id) {
    const std::shared_ptr<Caller>* caller = callers_.find(id);
    return caller == nullptr ? nullptr : caller->get();
  }

  const Speech& speech_;
  const Limits limits_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  Listener* listener_ = nullptr;
  Slab<std::shared_ptr<Caller>> callers_;
  std::size_t unfinished_bytes_ = 0;
};

StreamAcceptor::StreamAcceptor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

StreamAcceptor::~StreamAcceptor() { impl_->close(); }

Result<std::unique_ptr<StreamAcceptor>> StreamAcceptor::open(asio::io_context& context,
                                                             const Endpoint& listen,
                                                             const Speech& speech,
                                                             const Limits& limits) {
  auto impl = std::make_shared<Impl>(context, speech, limits);
  if (const Result<void> opened = impl->open(listen); !opened) {
    return tl::unexpected(opened.error());
  }
  return std::unique_ptr<StreamAcceptor>(new StreamAcceptor(std::move(impl)));
}

std::uint16_t StreamAcceptor::port() const { return impl_->port(); }
void StreamAcceptor::start(Listener& listener) { impl_->start(listener); }
void StreamAcceptor::reply(CallerId caller, const wg::StreamMessage& message) {
  impl_->reply(caller, message);
}
void StreamAcceptor::refuse(CallerId caller) { impl_->refuse(caller); }

Result<void> StreamAcceptor::Impl::open(const Endpoint& listen) {
  const auto failed = [&](const std::string& why) {
    return fail(ErrorCode::unavailable,
                "cannot accept streams at " + listen.to_string() + ": " + why);
  };
  const int family = family_of(listen);
  const auto address = to_socket(listen, family);
  if (!address) return failed("it is no address");
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), address->get(), address->size);

  error_code error;
  error_code ignored;
  acceptor_.open(endpoint.protocol(), error);
  if (error) return failed(error.message());
  static_cast<void>(::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC));
  acceptor_.set_option(tcp::acceptor::reuse_address(true), ignored);
  if (family == AF_INET6) acceptor_.set_option(asio::ip::v6_only(false), ignored);
  acceptor_.bind(endpoint, error);
  if (error) return failed(error.message());
  acceptor_.listen(kBacklog, error);
  if (error) return failed(error.message());
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void StreamAcceptor::Impl::close() {
  listener_ = nullptr;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  callers_.for_each([this](CallerId id, std::shared_ptr<Caller>&) { end(id); });
}

void StreamAcceptor::Impl::accept() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    if (self->listener_ != nullptr) self->on_accept(error, std::move(socket));
  });
}

void StreamAcceptor::Impl::on_accept(const error_code& error, tcp::socket socket) {
  if (error) {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && self->listener_ != nullptr) self->accept();
    });
    return listener_->on_stream_refused(
        {}, {ErrorCode::resource_exhausted, "accepting failed: " + error.message()});
  }
  if (callers_.size() >= limits_.max_streams) {
    const Endpoint source = remote_of(socket);
    accept();
    return listener_->on_stream_refused(
        source, {ErrorCode::resource_exhausted,
                 "there are " + std::to_string(limits_.max_streams) + " gossip streams already"});
  }
  const auto caller = std::make_shared<Caller>(std::move(socket), speech_, limits_);
  const CallerId id = callers_.insert(caller);
  limit(id, *caller, limits_.patience,
        "gossip stream that says nothing, or not all of it, in time");
  read(id, caller);
  accept();
}

void StreamAcceptor::Impl::limit(CallerId id, Caller& caller, Duration patience,
                                 std::string_view said) {
  caller.timer.expires_after(patience);
  caller.timer.async_wait([self = shared_from_this(), id, said](const error_code& error) {
    if (error || self->find(id) == nullptr) return;
    if (said.empty()) return self->end(id);
    self->give_up(id, ErrorCode::timed_out, said);
  });
}

void StreamAcceptor::Impl::read(CallerId id, const std::shared_ptr<Caller>& caller) {
  caller->socket.async_read_some(
      asio::buffer(caller->buffer),
      [self = shared_from_this(), id, caller](const error_code& error, std::size_t size) {
        if (self->find(id) == nullptr) return;
        // Those who only look whether the port is open say nothing, and are nothing to report.
        if (error && caller->received == 0) return self->end(id);
        if (error) {
          return self->give_up(id, ErrorCode::invalid_argument, "gossip stream that ends early");
        }
        self->on_read(id, caller, std::string_view(caller->buffer.data(), size));
      });
}

void StreamAcceptor::Impl::on_read(CallerId id, const std::shared_ptr<Caller>& caller,
                                   std::string_view bytes) {
  caller->received += bytes.size();
  unfinished_bytes_ += bytes.size();
  if (unfinished_bytes_ > limits_.max_unfinished_bytes) {
    return give_up(id, ErrorCode::resource_exhausted,
                   "too many bytes of unfinished gossip streams are here already");
  }
  auto message = caller->reader.feed(bytes);
  if (message && !*message) return read(id, caller);
  unfinished_bytes_ -= std::exchange(caller->received, 0);
  if (!message) return on_unreadable(id, *caller, message.error());
  // Until it is answered.
  limit(id, *caller, limits_.patience, {});
  listener_->on_request(id, caller->source, std::move(**message));
}

void StreamAcceptor::Impl::on_unreadable(CallerId id, Caller& caller, const Error& error) {
  const Endpoint source = caller.source;
  if (caller.reader.is_answered()) {
    reply(id, wg::ErrorMessage{error.message});
  } else {
    end(id);
  }
  listener_->on_stream_refused(source, error);
}

void StreamAcceptor::Impl::reply(CallerId id, const wg::StreamMessage& message) {
  const std::shared_ptr<Caller>* found = callers_.find(id);
  if (found == nullptr || !(*found)->answer.empty()) return;
  const std::shared_ptr<Caller> caller = *found;
  auto answer = seal_stream(message, speech_, wg::Speaker::acceptor);
  if (!answer) return end(id);
  caller->answer = *std::move(answer);
  limit(id, *caller, limits_.patience, {});
  write(id, caller);
}

void StreamAcceptor::Impl::write(CallerId id, const std::shared_ptr<Caller>& caller) {
  asio::async_write(caller->socket, asio::buffer(caller->answer),
                    [self = shared_from_this(), id, caller](const error_code& error, std::size_t) {
                      if (self->find(id) == nullptr) return;
                      if (error) return self->end(id);
                      error_code ignored;
                      caller->socket.shutdown(tcp::socket::shutdown_send, ignored);
                      self->limit(id, *caller, kLastWords, {});
                      self->hear_out(id, caller);
                    });
}

void StreamAcceptor::Impl::hear_out(CallerId id, const std::shared_ptr<Caller>& caller) {
  caller->socket.async_read_some(
      asio::buffer(caller->buffer),
      [self = shared_from_this(), id, caller](const error_code& error, std::size_t size) {
        if (self->find(id) == nullptr) return;
        caller->received += size;
        if (error || caller->received > kMaxLastWords) {
          caller->received = 0;
          return self->end(id);
        }
        self->hear_out(id, caller);
      });
}

void StreamAcceptor::Impl::give_up(CallerId id, ErrorCode code, std::string_view why) {
  const Endpoint source = find(id)->source;
  end(id);
  listener_->on_stream_refused(source, {code, std::string(why)});
}

void StreamAcceptor::Impl::end(CallerId id) {
  const auto taken = callers_.take(id);
  if (!taken) return;
  Caller& caller = **taken;
  // What came after the request was not counted.
  if (caller.answer.empty()) unfinished_bytes_ -= caller.received;
  caller.timer.cancel();
  error_code ignored;
  caller.socket.close(ignored);
}

}  // namespace kith::edge::gossip
