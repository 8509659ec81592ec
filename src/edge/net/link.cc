// SPDX-License-Identifier: Apache-2.0
#include "edge/net/link.h"

#include <kith/time.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "base/rng.h"
#include "edge/net/address.h"
#include "edge/net/connection.h"
#include "edge/net/in_words.h"
#include "edge/net/patience.h"
#include "edge/net/tls_handshake.h"

namespace kith::edge {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(1);
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(2);
/// Requests waiting to be sent to a peer that does not read them.
constexpr std::size_t kMaxUnsentBytes = 64u << 20;

}  // namespace

/// Goes in steps: connect, secure if there is TLS, greet, be up, pause; and again. Shared with the
/// handlers under way.
class Link::Impl final : public Connection::Listener, public std::enable_shared_from_this<Impl> {
 public:
  Impl(Link& link, asio::io_context& context, const Identity& self, std::string name,
       std::string address, std::uint16_t slice, std::uint64_t seed, Link::Listener& listener,
       FlushQueue& queue)
      : link_(link),
        context_(context),
        self_(self),
        name_(std::move(name)),
        address_(std::move(address)),
        slice_(slice),
        rng_(seed),
        listener_(listener),
        queue_(queue),
        resolver_(context),
        timer_(context) {}

  void dial();
  /// Ends the present attempt or connection.
  void close();
  void send(const wire::peer::Message& message) {
    if (up_) connection_->send(message);
  }
  std::uint16_t slice() const { return slice_; }
  bool up() const { return up_; }

 private:
  void resolve(const Address& address);
  template <class Endpoints>
  void connect(const Endpoints& endpoints);
  void on_not_connected(const error_code& error);
  void on_connected();
  void secure(SocketHandle socket);
  void greet(Channel channel);
  void on_message(const wire::peer::Message& message) override;
  void on_closed(std::string_view why) override;
  void on_rejected(std::string_view why) override;
  void on_greeted(const wire::peer::HelloOk& answer);
  void on_refused(const wire::peer::Failure& answer);
  void fail(Down down);
  Duration pause(bool misconfigured);
  template <class Handler>
  void after(Duration wait, Handler handler);
  /// Wraps a handler so that it does nothing unless the step that started it is the present one.
  template <class Handler>
  auto in_this_step(Handler handler);

  Link& link_;
  asio::io_context& context_;
  const Identity& self_;
  const std::string name_;
  const std::string address_;
  const std::uint16_t slice_;
  Rng rng_;
  Link::Listener& listener_;
  FlushQueue& queue_;

  tcp::resolver resolver_;
  /// Being connected.
  std::shared_ptr<tcp::socket> socket_;
  asio::steady_timer timer_;
  /// Of the host that was dialed, when it was a name.
  std::string host_name_;
  std::optional<TlsHandshake> handshake_;
  std::optional<Connection> connection_;
  /// Of the process that answered last, until it is known to be gone.
  std::optional<BootId> boot_;
  std::uint64_t step_ = 0;
  int failures_ = 0;
  bool up_ = false;
};

Link::Link(asio::io_context& context, const Identity& self, std::string name, std::string address,
           std::uint16_t slice, std::uint64_t seed, Listener& listener, FlushQueue& queue)
    : impl_(std::make_shared<Impl>(*this, context, self, std::move(name), std::move(address), slice,
                                   seed, listener, queue)) {
  impl_->dial();
}

Link::~Link() { impl_->close(); }

std::uint16_t Link::slice() const { return impl_->slice(); }

bool Link::up() const { return impl_->up(); }

void Link::send(const wire::peer::Message& message) { impl_->send(message); }

void Link::redial() {
  impl_->close();
  impl_->dial();
}

template <class Handler>
auto Link::Impl::in_this_step(Handler handler) {
  return [self = shared_from_this(), step = step_, handler](const error_code& error,
                                                            const auto&... rest) {
    if (self->step_ == step) handler(*self, error, rest...);
  };
}

template <class Handler>
void Link::Impl::after(Duration wait, Handler handler) {
  timer_.expires_after(wait);
  timer_.async_wait(in_this_step([handler](Impl& impl, const error_code& error) {
    if (!error) handler(impl);
  }));
}

void Link::Impl::dial() {
  ++step_;
  after(kConnectTimeout, [](Impl& impl) { impl.fail({.why = "no answer within a second"}); });
  const Result<Address> address = Address::parse(address_);
  if (address) {
    resolve(*address);
  } else {
    after(Duration::zero(), [why = address.error().message](Impl& impl) {
      impl.fail({.misconfigured = true, .why = why});
    });
  }
}

void Link::Impl::resolve(const Address& address) {
  // Asio resolves names on a thread of its own, one for each loop; numbers do without.
  error_code not_numeric;
  const asio::ip::address numeric = asio::ip::make_address(address.host, not_numeric);
  host_name_ = not_numeric ? address.host : std::string();
  if (!not_numeric) {
    connect(std::array{tcp::endpoint(numeric, address.port)});
    return;
  }
  resolver_.async_resolve(
      address.host, std::to_string(address.port), tcp::resolver::numeric_service,
      in_this_step(
          [](Impl& impl, const error_code& error, const tcp::resolver::results_type& results) {
            if (error) return impl.fail({.why = "cannot resolve the host: " + in_words(error)});
            impl.connect(results);
          }));
}

template <class Endpoints>
void Link::Impl::connect(const Endpoints& endpoints) {
  // A socket of its own: a connect that was given up may still be trying the next endpoint on its.
  socket_ = std::make_shared<tcp::socket>(context_);
  asio::async_connect(
      *socket_, endpoints,
      in_this_step([socket = socket_](Impl& impl, const error_code& error, const auto&...) {
        if (error) return impl.on_not_connected(error);
        impl.on_connected();
      }));
}

void Link::Impl::on_not_connected(const error_code& error) {
  Down down{.why = in_words(error)};
  if (error == asio::error::connection_refused) down.gone = std::exchange(boot_, {});
  fail(std::move(down));
}

void Link::Impl::on_connected() {
  ++step_;
  error_code error;
  const int descriptor = socket_->release(error);
  if (error) return fail({.why = in_words(error)});
  SocketHandle socket(descriptor);
  if (self_.tls != nullptr) return secure(std::move(socket));
  greet({.socket = std::move(socket)});
}

void Link::Impl::secure(SocketHandle socket) {
  after(kHandshakeTimeout,
        [](Impl& impl) { impl.fail({.why = "it accepts but does not answer the TLS handshake"}); });
  auto session =
      std::make_unique<tls::Session>(self_.tls->context(), tls::Session::Role::dials, host_name_);
  // Destroyed, and so never called, when the link goes on or is closed.
  handshake_.emplace(
      context_, Channel{std::move(socket), std::move(session)},
      [this, alive = weak_from_this()](TlsHandshake::Outcome outcome) {
        const auto self = alive.lock();
        if (self == nullptr) return;
        handshake_.reset();
        if (outcome.result) return greet(std::move(outcome.channel));
        const Error& error = outcome.result.error();
        fail({.misconfigured = error.code == ErrorCode::failed_precondition, .why = error.message});
      });
}

void Link::Impl::greet(Channel channel) {
  ++step_;
  connection_.emplace(context_, std::move(channel),
                      Connection::Limits{.max_unsent_bytes = kMaxUnsentBytes}, *this, queue_);
  connection_->send(
      wire::peer::Hello{.slice = slice_, .boot = self_.boot, .name = self_.name, .target = name_});
  after(kGreetingTimeout,
        [](Impl& impl) { impl.fail({.why = "it accepts but does not answer the greeting"}); });
}

void Link::Impl::on_message(const wire::peer::Message& message) {
  // Nothing may follow the listener's call: it may have destroyed the link.
  if (up_) return listener_.on_message(link_, message);
  if (const auto* answer = std::get_if<wire::peer::HelloOk>(&message)) return on_greeted(*answer);
  if (const auto* answer = std::get_if<wire::peer::Failure>(&message)) return on_refused(*answer);
  fail({.why = "it answers the greeting with something else"});
}

void Link::Impl::on_greeted(const wire::peer::HelloOk& answer) {
  if (answer.boot == self_.boot) {
    return fail(
        {.misconfigured = true,
         .why = "it is this node itself: the list of peers must spell this node " + self_.name});
  }
  if (answer.name != name_) {
    std::string why = "its name is " + printable(answer.name);
    if (name_ == address_) why += ": the list of peers must spell it so";
    return fail({.misconfigured = true, .gone = std::exchange(boot_, {}), .why = why});
  }
  if (answer.version < wire::peer::kOldestProtocolVersion ||
      answer.version > wire::peer::kProtocolVersion) {
    return fail({.misconfigured = true,
                 .why = "it speaks version " + std::to_string(answer.version) +
                        " of the protocol, which this node does not"});
  }
  ++step_;
  timer_.cancel();
  failures_ = 0;
  up_ = true;
  boot_ = answer.boot;
  listener_.on_up(link_, answer.boot, std::max<std::uint16_t>(answer.slices, 1));
}

void Link::Impl::on_refused(const wire::peer::Failure& answer) {
  const bool no_such_slice = answer.code == refusal::kNoSuchSlice;
  fail({.misconfigured = !no_such_slice,
        .no_such_slice = no_such_slice,
        .why = "it refuses: " + printable(answer.message)});
}

void Link::Impl::on_closed(std::string_view why) { fail({.why = std::string(why)}); }

void Link::Impl::on_rejected(std::string_view why) {
  fail({.misconfigured = !up_, .why = std::string(why)});
}

void Link::Impl::fail(Down down) {
  const auto alive = shared_from_this();
  down.was_up = up_;
  close();
  after(pause(down.misconfigured), [](Impl& impl) { impl.dial(); });
  listener_.on_down(link_, down);
}

void Link::Impl::close() {
  ++step_;
  up_ = false;
  handshake_.reset();
  connection_.reset();
  resolver_.cancel();
  timer_.cancel();
  if (socket_ != nullptr) {
    error_code ignored;
    socket_->close(ignored);
    socket_.reset();
  }
}

Duration Link::Impl::pause(bool misconfigured) {
  Duration pause = kLongestPause;
  // After six doublings it is the longest anyway.
  if (!misconfigured && failures_ < 6) pause = std::min(pause, kFirstPause * (1 << failures_));
  ++failures_;
  return Duration(rng_.between(pause.count() / 2, pause.count() * 3 / 2));
}

}  // namespace kith::edge
