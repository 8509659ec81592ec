// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/transport.h"

#include <string>
#include <utility>

#include "wire/gossip/label.h"

namespace kith::edge::gossip {

namespace wg = wire::gossip;

namespace {

/// The system chooses a port for streams, which others may have for packets.
constexpr int kPortsTried = 64;

}  // namespace

Result<std::unique_ptr<Transport>> Transport::open(boost::asio::io_context& context,
                                                   Options options, Listener& listener) {
  if (options.pool.label.size() > wg::kMaxLabelBytes) {
    return fail(ErrorCode::invalid_argument,
                "the gossip label has " + std::to_string(options.pool.label.size()) +
                    " bytes, it may have " + std::to_string(wg::kMaxLabelBytes));
  }
  std::unique_ptr<Transport> transport(new Transport(context, std::move(options), listener));
  if (const Result<void> taken = transport->take_port(); !taken) {
    return tl::unexpected(taken.error());
  }
  return transport;
}

Transport::Transport(boost::asio::io_context& context, Options options, Listener& listener)
    : context_(context),
      options_(std::move(options)),
      speech_{std::move(options_.pool), options_.compress},
      listener_(listener),
      dialer_(context, speech_, options_.outgoing, *this) {}

Transport::~Transport() = default;

Result<void> Transport::take_port() {
  const bool any = options_.listen.port == 0;
  Result<void> taken = take_port_once();
  for (int left = kPortsTried - 1; any && !taken && left > 0; --left) taken = take_port_once();
  return taken;
}

Result<void> Transport::take_port_once() {
  auto acceptor = StreamAcceptor::open(context_, options_.listen, speech_, options_.incoming);
  if (!acceptor) return tl::unexpected(acceptor.error());
  Endpoint both = options_.listen;
  both.port = (*acceptor)->port();
  auto packets = PacketSocket::open(context_, both);
  if (!packets) return tl::unexpected(packets.error());
  options_.listen = std::move(both);
  acceptor_ = *std::move(acceptor);
  packets_ = *std::move(packets);
  return {};
}

void Transport::start() {
  packets_->start(*this);
  acceptor_->start(*this);
}

void Transport::send(const Endpoint& to, std::span<const wg::DatagramMessage> messages,
                     bool checksum) {
  // What does not fit is lost, as datagrams are.
  const auto datagram = seal_packet(messages, speech_, checksum);
  if (datagram) packets_->send(to, *datagram);
}

Transport::StreamId Transport::open_stream(const Endpoint& to, const wg::StreamMessage& request,
                                           Duration patience) {
  return dialer_.open(to, request, patience);
}

void Transport::reply(CallerId caller, const wg::StreamMessage& message) {
  acceptor_->reply(caller, message);
}

void Transport::refuse(CallerId caller) { acceptor_->refuse(caller); }

Result<void> Transport::add_key(const wg::Key& key) {
  if (speech_.pool.keyring.empty()) {
    return fail(ErrorCode::failed_precondition,
                "the gossip has no keys: a pool begins to encrypt when its nodes start with one");
  }
  return speech_.pool.keyring.add(key);
}

Result<void> Transport::use_key(const wg::Key& key) { return speech_.pool.keyring.use(key); }

Result<void> Transport::remove_key(const wg::Key& key) { return speech_.pool.keyring.remove(key); }

void Transport::on_datagram(const Endpoint& source, std::string_view datagram) {
  const auto packet = open_packet(datagram, speech_);
  if (!packet) return listener_.on_refused(source, packet.error());
  if (packet->fault) listener_.on_refused(source, *packet->fault);
  if (!packet->messages.empty()) listener_.on_packet(source, packet->messages);
}

void Transport::on_request(CallerId caller, const Endpoint& source, wg::StreamMessage request) {
  listener_.on_request(caller, source, std::move(request));
}

void Transport::on_stream_refused(const Endpoint& source, const Error& why) {
  listener_.on_refused(source, why);
}

void Transport::on_stream_ended(StreamId stream, Result<std::optional<wg::StreamMessage>> reply) {
  listener_.on_stream_ended(stream, std::move(reply));
}

}  // namespace kith::edge::gossip
