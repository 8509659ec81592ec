// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "edge/gossip/endpoint.h"
#include "edge/gossip/packet_socket.h"
#include "edge/gossip/seal.h"
#include "edge/gossip/stream_acceptor.h"
#include "edge/gossip/stream_dialer.h"
#include "wire/gossip/keyring.h"
#include "wire/gossip/message.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge::gossip {

/// memberlist's messages over real sockets: datagrams and streams of one port number, with labels,
/// compression, checksums and encryption. What is not for this pool, or cannot be read, ends here.
/// Loop thread only, but where said.
class Transport final : private PacketSocket::Listener,
                        private StreamAcceptor::Listener,
                        private StreamDialer::Listener {
 public:
  using CallerId = StreamAcceptor::CallerId;
  using StreamId = StreamDialer::StreamId;

  struct Options {
    /// One address, or all that this machine has. Port 0: one that is free for both.
    Endpoint listen = {};
    wire::gossip::PoolSettings pool = {};
    /// Whether this node compresses. It reads what others compress in any case.
    bool compress = false;
    StreamAcceptor::Limits incoming = {};
    StreamDialer::Limits outgoing = {};
  };

  class Listener {
   public:
    virtual ~Listener() = default;
    /// The messages of one datagram, in their order; at least one.
    virtual void on_packet(const Endpoint& source,
                           std::span<const wire::gossip::DatagramMessage> messages) = 0;
    /// Another node's request on a stream, for reply() or refuse().
    virtual void on_request(CallerId caller, const Endpoint& source,
                            wire::gossip::StreamMessage request) = 0;
    /// A stream of this node ended, by a reply, by a UserMessage having been taken, or by an error.
    virtual void on_stream_ended(StreamId stream,
                                 Result<std::optional<wire::gossip::StreamMessage>> reply) = 0;
    /// A datagram, or a part of it, or a stream was not for us or made no sense.
    virtual void on_refused(const Endpoint& source, const Error& why) = 0;
  };

  /// Takes the address. Any thread, before the loop runs. `listener` must outlive the transport.
  /// Errors: invalid_argument (a label too long), unavailable.
  static Result<std::unique_ptr<Transport>> open(boost::asio::io_context& context, Options options,
                                                 Listener& listener);
  ~Transport() override;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Where it listens, with its real port.
  const Endpoint& local() const { return options_.listen; }
  /// Begins to receive. Once.
  void start();
  /// Hands over the datagrams that have arrived, for who must know them before he looks at the
  /// clock.
  void receive_all() { packets_->receive_all(); }

  /// One datagram, in one compound if there are several messages, at most 127. May be lost.
  void send(const Endpoint& to, std::span<const wire::gossip::DatagramMessage> messages,
            bool checksum);
  /// Connects, says the request, hears the reply, closes. Ends as on_stream_ended after `patience`
  /// at the latest.
  StreamId open_stream(const Endpoint& to, const wire::gossip::StreamMessage& request,
                       Duration patience);
  void reply(CallerId caller, const wire::gossip::StreamMessage& message);
  void refuse(CallerId caller);

  // The keys of an encrypted pool are changed on all nodes by three steps: add, use, remove.
  /// Errors: failed_precondition (the pool has no keys, and is not encrypted), resource_exhausted.
  Result<void> add_key(const wire::gossip::Key& key);
  /// Encrypts with it from now on. Errors: not_found.
  Result<void> use_key(const wire::gossip::Key& key);
  /// Errors: failed_precondition, of the one in use.
  Result<void> remove_key(const wire::gossip::Key& key);

 private:
  Transport(boost::asio::io_context& context, Options options, Listener& listener);
  Result<void> take_port();
  Result<void> take_port_once();

  void on_datagram(const Endpoint& source, std::string_view datagram) override;
  void on_request(CallerId caller, const Endpoint& source,
                  wire::gossip::StreamMessage request) override;
  void on_stream_refused(const Endpoint& source, const Error& why) override;
  void on_stream_ended(StreamId stream,
                       Result<std::optional<wire::gossip::StreamMessage>> reply) override;

  boost::asio::io_context& context_;
  Options options_;
  Speech speech_;
  Listener& listener_;
  std::unique_ptr<PacketSocket> packets_;
  std::unique_ptr<StreamAcceptor> acceptor_;
  StreamDialer dialer_;
};

}  // namespace kith::edge::gossip
