// SPDX-License-Identifier: Apache-2.0
#include "edge/net/acceptor.h"

#include <fcntl.h>
#include <kith/time.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <variant>

#include "base/slab.h"
#include "edge/net/connection.h"
#include "edge/net/farewell.h"
#include "edge/net/in_words.h"
#include "edge/net/patience.h"
#include "edge/net/tls_handshake.h"
#include "wire/peer/codec.h"

namespace kith::edge {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// How long a refusal may take to be sent.
constexpr Duration kRefusalTimeout = std::chrono::milliseconds(100);
/// Pause after accepting failed, mostly for want of file descriptors.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
constexpr int kBacklog = 1024;

/// Whether TLS begins with these bytes, the first ones of a connection: a handshake's record, and a
/// version of 3. Frames whose length happens to begin like that are too long for a greeting.
bool looks_like_tls(std::span<const unsigned char> first) {
  constexpr unsigned char kHandshakeRecord = 0x16;
  constexpr unsigned char kMajorVersion = 3;
  return !first.empty() && first[0] == kHandshakeRecord &&
         (first.size() < 2 || first[1] == kMajorVersion);
}

/// A refusal as plaintext peers read it.
std::string refusal_in_plaintext(const Error& why) {
  std::string bytes;
  bytes += wire::peer::encode(wire::peer::Failure{.code = why.code, .message = why.message}, bytes)
               .to_string();
  return bytes;
}

}  // namespace

/// Shared with the handlers under way.
class Acceptor::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, const Limits& limits)
      : context_(context), limits_(limits), acceptor_(context), pause_(context) {}

  Result<void> open(const Address& address);
  std::uint16_t port() const { return port_; }
  void start(const Identity& self, Listener& listener, FlushQueue& queue);
  void close();

 private:
  class Greeter;
  using GreeterId = Slab<std::unique_ptr<Greeter>>::Handle;

  void accept();
  void on_accept(const error_code& error, tcp::socket socket);
  void on_hello(GreeterId id, const wire::peer::Hello& hello);
  /// What is wrong with the greeting. Empty: nothing.
  std::optional<Error> objection(const wire::peer::Hello& hello) const;
  void refuse(GreeterId id, std::string_view who, std::string_view why);
  void forget(GreeterId id) { greeters_.erase(id); }

  asio::io_context& context_;
  const Limits limits_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint16_t port_ = 0;
  const Identity* self_ = nullptr;
  Listener* listener_ = nullptr;
  FlushQueue* queue_ = nullptr;
  const std::shared_ptr<std::atomic<std::size_t>> connections_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  Slab<std::unique_ptr<Greeter>> greeters_;
};

/// A connection that has not greeted yet, or was refused and is being told so. It goes in steps:
/// secure, or see that it is not TLS; hear the greeting.
class Acceptor::Impl::Greeter final : public Connection::Listener {
 public:
  Greeter(Impl& acceptor, tcp::socket socket, std::string who)
      : acceptor_(acceptor),
        socket_(std::move(socket)),
        timer_(acceptor.context_),
        permit_(acceptor.connections_),
        who_(std::move(who)) {}

  void begin(GreeterId id) {
    id_ = id;
    if (acceptor_.self_->tls != nullptr) {
      secure();
    } else {
      look_at_first_bytes();
    }
  }

  /// Ends it `wait` from now; said to be refused unless `why` is empty.
  void limit(Duration wait, std::string_view why) {
    timer_.expires_after(wait);
    timer_.async_wait(
        [acceptor = acceptor_.shared_from_this(), id = id_, why](const error_code& error) {
          if (!error) acceptor->refuse(id, {}, why);
        });
  }

  void refuse(const Error& why) {
    refused_ = true;
    connection_->send(wire::peer::Failure{.code = why.code, .message = why.message});
    limit(kRefusalTimeout, {});
  }

  Channel detach() { return connection_->detach(); }
  Permit take_permit() { return std::move(permit_); }
  const std::string& who() const { return who_; }

 private:
  void secure() {
    limit(kHandshakeTimeout, "no TLS handshake within two seconds");
    error_code ignored;
    auto session = std::make_unique<tls::Session>(acceptor_.self_->tls->context(),
                                                  tls::Session::Role::accepts);
    handshake_.emplace(
        acceptor_.context_, Channel{SocketHandle(socket_.release(ignored)), std::move(session)},
        [acceptor = acceptor_.shared_from_this(), id = id_](TlsHandshake::Outcome outcome) {
          if (auto* const greeter = acceptor->greeters_.find(id)) {
            (*greeter)->on_handshake(std::move(outcome));
          }
        });
  }

  void on_handshake(TlsHandshake::Outcome outcome) {
    handshake_.reset();
    if (outcome.result) return hear(std::move(outcome.channel));
    const Error why = outcome.result.error();
    const bool plaintext = outcome.channel.tls->met_plaintext();
    // In TLS the alert has said it.
    const std::string words =
        plaintext ? refusal_in_plaintext(
                        {why.code, acceptor_.self_->name +
                                       " takes TLS only, and this connection is plaintext"})
                  : std::string();
    dismiss(std::move(outcome.channel.socket), words, why.message);
  }

  /// A node without TLS that is dialed with it says so, rather than to take it for a broken frame.
  void look_at_first_bytes() {
    limit(kGreetingTimeout, "no greeting within a second");
    socket_.async_wait(tcp::socket::wait_read, [acceptor = acceptor_.shared_from_this(),
                                                id = id_](const error_code& cancelled) {
      auto* const greeter = cancelled ? nullptr : acceptor->greeters_.find(id);
      if (greeter != nullptr) (*greeter)->on_first_bytes();
    });
  }

  void on_first_bytes() {
    std::array<unsigned char, 2> first{};
    const ssize_t size =
        ::recv(socket_.native_handle(), first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
    error_code ignored;
    SocketHandle socket(socket_.release(ignored));
    if (size > 0 && looks_like_tls(std::span(first).first(static_cast<std::size_t>(size)))) {
      const std::string what = acceptor_.self_->name + " has no TLS, and this connection has";
      return dismiss(std::move(socket), refusal_in_plaintext({refusal::kWrongNode, what}),
                     "it speaks TLS, and this node plaintext");
    }
    hear({.socket = std::move(socket)});
  }

  void hear(Channel channel) {
    connection_.emplace(acceptor_.context_, std::move(channel),
                        Connection::Limits{.max_body_bytes = wire::peer::kMaxControlBodyBytes},
                        *this, *acceptor_.queue_);
    limit(kGreetingTimeout, "no greeting within a second");
  }

  /// Before there is a connection.
  void dismiss(SocketHandle socket, std::string_view words, std::string_view why) {
    refused_ = true;
    farewell_.emplace(acceptor_.context_, std::move(socket), words);
    limit(kRefusalTimeout, {});
    // The last line, with a name of its own: the listener may close the acceptor.
    const std::string who = who_;
    acceptor_.listener_->on_refused(who, why);
  }

  void on_message(const wire::peer::Message& message) override {
    if (refused_) return;
    if (const auto* hello = std::get_if<wire::peer::Hello>(&message)) {
      return acceptor_.on_hello(id_, *hello);
    }
    acceptor_.refuse(id_, {}, "it does not greet");
  }
  void on_closed(std::string_view why) override {
    if (refused_) return acceptor_.forget(id_);
    acceptor_.refuse(id_, {}, why);
  }

  Impl& acceptor_;
  GreeterId id_ = 0;
  /// Until the first bytes have come.
  tcp::socket socket_;
  asio::steady_timer timer_;
  Permit permit_;
  const std::string who_;
  bool refused_ = false;
  std::optional<TlsHandshake> handshake_;
  std::optional<Farewell> farewell_;
  std::optional<Connection> connection_;
};

Acceptor::Acceptor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Acceptor::~Acceptor() { impl_->close(); }

Result<std::unique_ptr<Acceptor>> Acceptor::open(asio::io_context& context, const Address& address,
                                                 const Limits& limits) {
  auto impl = std::make_shared<Impl>(context, limits);
  if (const Result<void> opened = impl->open(address); !opened) {
    return tl::unexpected(opened.error());
  }
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(impl)));
}

std::uint16_t Acceptor::port() const { return impl_->port(); }

void Acceptor::start(const Identity& self, Listener& listener, FlushQueue& queue) {
  impl_->start(self, listener, queue);
}

Result<void> Acceptor::Impl::open(const Address& address) {
  const auto failed = [&](const error_code& error) {
    return fail(ErrorCode::unavailable,
                "cannot listen on " + address.to_string() + ": " + in_words(error));
  };
  error_code error;
  tcp::resolver resolver(context_);
  const auto endpoints =
      resolver.resolve(address.host, std::to_string(address.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) return failed(error);
  if (endpoints.empty()) return failed(asio::error::host_not_found);
  const tcp::endpoint endpoint = endpoints.begin()->endpoint();

  acceptor_.open(endpoint.protocol(), error);
  if (error) return failed(error);
  static_cast<void>(::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC));
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  acceptor_.bind(endpoint, error);
  if (error) return failed(error);
  acceptor_.listen(kBacklog, error);
  if (error) return failed(error);
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void Acceptor::Impl::start(const Identity& self, Listener& listener, FlushQueue& queue) {
  self_ = &self;
  listener_ = &listener;
  queue_ = &queue;
  accept();
}

void Acceptor::Impl::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  greeters_.for_each([&](GreeterId id, std::unique_ptr<Greeter>&) { greeters_.erase(id); });
}

void Acceptor::Impl::accept() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
    self->on_accept(error, std::move(socket));
  });
}

void Acceptor::Impl::on_accept(const error_code& error, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    listener_->on_refused("a peer", "accepting failed: " + in_words(error));
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && self->acceptor_.is_open()) self->accept();
    });
    return;
  }

  error_code unknown;
  const tcp::endpoint remote = socket.remote_endpoint(unknown);
  std::string who = unknown ? "a peer" : "a peer at " + remote.address().to_string();
  // Relaxed: it is a bound, and only this thread takes places.
  if (connections_->load(std::memory_order_relaxed) >= limits_.max_connections) {
    listener_->on_refused(
        who, "there are " + std::to_string(limits_.max_connections) + " connections already");
  } else if (greeters_.size() >= limits_.max_silent) {
    listener_->on_refused(who, "too many connections are open that say nothing");
  } else {
    auto greeter = std::make_unique<Greeter>(*this, std::move(socket), std::move(who));
    Greeter& borrowed = *greeter;
    borrowed.begin(greeters_.insert(std::move(greeter)));
  }
  accept();
}

void Acceptor::Impl::on_hello(GreeterId id, const wire::peer::Hello& hello) {
  Greeter& greeter = **greeters_.find(id);
  if (const std::optional<Error> error = objection(hello)) {
    // A wrong slice is how a peer learns that this node has fewer loops.
    if (error->code != refusal::kNoSuchSlice) {
      listener_->on_refused(printable(hello.name), error->message);
    }
    return greeter.refuse(*error);
  }
  Accepted accepted{
      .channel = greeter.detach(),
      .name = std::string(hello.name),
      .boot = hello.boot,
      .slice = hello.slice,
      .version = std::min(hello.newest_version, wire::peer::kProtocolVersion),
      .permit = greeter.take_permit(),
  };
  forget(id);
  if (accepted.channel.socket.descriptor() < 0) {
    return listener_->on_refused(printable(accepted.name),
                                 "it does not wait for the greeting's answer");
  }
  listener_->on_accepted(std::move(accepted));
}

std::optional<Error> Acceptor::Impl::objection(const wire::peer::Hello& hello) const {
  using wire::peer::kOldestProtocolVersion;
  using wire::peer::kProtocolVersion;
  if (hello.boot == self_->boot) {
    return Error{refusal::kWrongNode, printable(hello.target) + " leads to " + self_->name +
                                          " itself: the list of peers must spell it " +
                                          self_->name};
  }
  if (hello.target != self_->name) {
    return Error{refusal::kWrongNode, "this is " + self_->name + ", not " +
                                          printable(hello.target) +
                                          ": the lists of peers must spell it " + self_->name};
  }
  if (hello.newest_version < kOldestProtocolVersion || hello.oldest_version > kProtocolVersion) {
    return Error{refusal::kWrongVersion,
                 self_->name + " speaks versions " + std::to_string(kOldestProtocolVersion) +
                     " to " + std::to_string(kProtocolVersion) + " of the protocol, " +
                     printable(hello.name) + " versions " + std::to_string(hello.oldest_version) +
                     " to " + std::to_string(hello.newest_version) + ": upgrade the older one"};
  }
  if (hello.slice >= self_->slices) {
    return Error{refusal::kNoSuchSlice, self_->name + " has " + std::to_string(self_->slices) +
                                            " loops, there is no number " +
                                            std::to_string(hello.slice)};
  }
  return std::nullopt;
}

void Acceptor::Impl::refuse(GreeterId id, std::string_view who, std::string_view why) {
  std::unique_ptr<Greeter>* const greeter = greeters_.find(id);
  if (greeter == nullptr) return;
  // Taken out first: the listener may close the acceptor.
  const std::unique_ptr<Greeter> refused = std::move(*greeter);
  forget(id);
  if (!why.empty()) listener_->on_refused(who.empty() ? refused->who() : who, why);
}

}  // namespace kith::edge
