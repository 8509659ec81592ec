// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "edge/net/channel.h"
#include "edge/net/flush_queue.h"
#include "wire/peer/codec.h"
#include "wire/peer/message.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge {

/// Messages over a connected TCP socket, in plaintext or in TLS. What is sent during a turn of the
/// loop goes out at its end, together. Loop thread only.
class Connection {
 public:
  /// May destroy the connection during either call.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// Messages that have come together, at least one. Takes at least the first of them, and
    /// returns how many. Their borrowed bytes are valid for the call.
    virtual std::size_t on_messages(std::span<const wire::peer::Message> messages) {
      on_message(messages.front());
      return 1;
    }
    /// The message's borrowed bytes are valid for the call.
    virtual void on_message(const wire::peer::Message& message) = 0;
    /// It broke, or the peer closed it or sent what is no frame. At most once, the last call, and
    /// never from within a call of the connection's.
    virtual void on_closed(std::string_view why) = 0;
    /// Instead of on_closed when the peer ended TLS because it does not take this node for one of
    /// its own: a dialing side learns that after its own handshake.
    virtual void on_rejected(std::string_view why) { on_closed(why); }
  };

  struct Limits {
    std::size_t max_body_bytes = wire::peer::kMaxBodyBytes;
    /// While more than this is waiting to be sent, nothing is received: who does not read answers
    /// cannot ask more. It resumes at half of it.
    std::size_t pause_bytes = static_cast<std::size_t>(-1);
    /// When more than this is waiting to be sent, the peer is taken for stuck and the connection is
    /// closed.
    std::size_t max_unsent_bytes = static_cast<std::size_t>(-1);
  };

  /// Begins to receive. `context`, `listener` and `queue` must outlive the connection.
  Connection(boost::asio::io_context& context, Channel channel, const Limits& limits,
             Listener& listener, FlushQueue& queue);
  /// Closes the socket. What was not sent yet is lost.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sends the message at the end of the turn. Lost when the connection is closed by then.
  void send(const wire::peer::Message& message);
  std::size_t unsent_bytes() const;

  /// Takes the socket out of the connection, which is closed then. Requires to be within
  /// on_message(), and that nothing was sent. Empty: the peer sent more than that message, and it
  /// would be lost.
  Channel detach();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge
