// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "edge/gossip/endpoint.h"
#include "edge/gossip/seal.h"
#include "wire/gossip/message.h"
#include "wire/gossip/stream_message.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge::gossip {

/// Dials, makes one request, hears one reply, closes. Loop thread only.
class StreamDialer {
 public:
  /// A stream that this node opened. Never used again for another one.
  using StreamId = std::uint64_t;

  struct Limits {
    /// Streams at once; further ones wait.
    std::size_t max_streams = 64;
    /// Streams that wait, and the bytes of their requests. Further ones fail.
    std::size_t max_waiting = 256;
    std::size_t max_waiting_bytes = std::size_t{64} << 20;
    /// Of one reply.
    wire::gossip::StreamLimits reply = {};
  };

  class Listener {
   public:
    virtual ~Listener() = default;
    /// The stream has ended, by a reply, by a request having been taken that has none, or by an
    /// error. Once for each stream, never within open().
    virtual void on_stream_ended(StreamId stream,
                                 Result<std::optional<wire::gossip::StreamMessage>> reply) = 0;
  };

  /// The references must outlive it.
  StreamDialer(boost::asio::io_context& context, const Speech& speech, const Limits& limits,
               Listener& listener);
  ~StreamDialer();
  StreamDialer(const StreamDialer&) = delete;
  StreamDialer& operator=(const StreamDialer&) = delete;

  /// Ends `patience` from now at the latest, the time of waiting included. A UserMessage has no
  /// reply. Errors come by the listener: unavailable, timed_out, resource_exhausted, and what is
  /// wrong with the reply.
  StreamId open(const Endpoint& to, const wire::gossip::StreamMessage& request, Duration patience);

 private:
  class Impl;

  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge::gossip
