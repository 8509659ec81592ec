// SPDX-License-Identifier: Apache-2.0
#include "http_server.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <csignal>
#include <optional>

#include "address.h"

namespace tiles {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t kMaxHeaderBytes = 8 * 1024;
constexpr auto kIdleTimeout = std::chrono::seconds(60);
constexpr auto kWriteTimeout = std::chrono::seconds(30);

/// One connection. All of it runs on the server's thread, except the function it hands to the
/// handler, which may be called anywhere and comes back to that thread first. Kept alive by the
/// operation that is under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const HttpServer::Handler& handler, int& connections)
      : stream_(std::move(socket)), handler_(handler), connections_(connections) {
    ++connections_;
  }
  ~Session() { --connections_; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    stream_.expires_after(kIdleTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       self->on_read(error);
                     });
  }

 private:
  using Response = http::response<http::span_body<const char>>;

  void on_read(beast::error_code error) {
    if (error == http::error::unexpected_body || error == http::error::body_limit) {
      keep_alive_ = false;
      return write({.status = 413, .body = kith::Value::borrow_static("requests have no body\n")});
    }
    // The other side left, was idle too long, or speaks no HTTP.
    if (error) return;
    keep_alive_ = parser_->get().keep_alive();
    if (parser_->get().method() != http::verb::get) {
      // The answer to some methods must not have a body, so nothing may follow this one.
      keep_alive_ = false;
      return write({.status = 405, .body = kith::Value::borrow_static("only GET is answered\n")});
    }
    // The handler is given its time; how long to wait is the cache's decision.
    stream_.expires_never();
    const auto target = parser_->get().target();
    handler_(std::string_view(target.data(), target.size()), [self = shared_from_this()](
                                                                 HttpReply reply) {
      asio::dispatch(self->stream_.get_executor(),
                     [self, reply = std::move(reply)]() mutable { self->write(std::move(reply)); });
    });
  }

  void write(HttpReply reply) {
    body_ = std::move(reply.body);
    response_ = Response(http::status(reply.status), 11);
    response_.set(http::field::content_type, reply.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.set(http::field::access_control_allow_origin, "*");
    response_.set(http::field::access_control_expose_headers, "*");
    for (const auto& [name, value] : reply.headers) response_.set(name, value);
    response_.body() = {body_.view().data(), body_.size()};
    response_.keep_alive(keep_alive_);
    response_.prepare_payload();
    stream_.expires_after(kWriteTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        self->on_written(error);
                      });
  }

  void on_written(beast::error_code error) {
    body_ = {};
    if (error) return;
    if (keep_alive_) return read();
    stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  }

  beast::tcp_stream stream_;
  const HttpServer::Handler& handler_;
  int& connections_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
  kith::Value body_;
  bool keep_alive_ = false;
};

}  // namespace

struct HttpServer::Impl {
  explicit Impl(Handler handler_) : handler(std::move(handler_)) {}

  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && connections < kMaxConnections) {
        socket.set_option(tcp::no_delay(true), error);
        std::make_shared<Session>(std::move(socket), handler, connections)->read();
      }
      accept();
    });
  }

  void stop_at_signal() {
    signals.async_wait([this](beast::error_code error, int) {
      if (!error) io.stop();
    });
  }

  // In this order, so that the sessions, which `io` owns, are gone before what they refer to.
  Handler handler;
  int connections = 0;
  asio::io_context io{1};
  asio::signal_set signals{io, SIGINT, SIGTERM};
  tcp::acceptor acceptor{io};
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

kith::Result<HttpServer> HttpServer::listen(const std::string& address, Handler handler) {
  const auto endpoint = parse_address(address);
  if (!endpoint) return tl::unexpected(endpoint.error());
  auto impl = std::make_unique<Impl>(std::move(handler));
  tcp::acceptor& acceptor = impl->acceptor;
  beast::error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return kith::fail(kith::ErrorCode::unavailable,
                      "cannot listen on " + address + ": " + error.message());
  }
  return HttpServer(std::move(impl));
}

void HttpServer::run_until_signal() {
  impl_->stop_at_signal();
  impl_->accept();
  impl_->io.run();
}

void HttpServer::run_on(std::chrono::milliseconds time) {
  impl_->stop_at_signal();
  impl_->io.restart();
  impl_->io.run_for(time);
}

}  // namespace tiles
