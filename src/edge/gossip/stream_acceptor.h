// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "edge/gossip/endpoint.h"
#include "edge/gossip/seal.h"
#include "wire/gossip/message.h"
#include "wire/gossip/stream_message.h"

namespace boost::asio {
class io_context;
}

namespace kith::edge::gossip {

/// Accepts streams and reads the one request that each brings. Loop thread only.
class StreamAcceptor {
 public:
  /// A stream that another node opened. Never used again for another one.
  using CallerId = std::uint64_t;

  struct Limits {
    /// Streams at once; further ones are closed. memberlist's number.
    std::size_t max_streams = 128;
    /// For the request to be there as a whole, and again for the reply to be taken.
    Duration patience = std::chrono::seconds(10);
    /// Of one request.
    wire::gossip::StreamLimits request = {};
    /// Of all requests that are not yet whole. The one that exceeds it is given up.
    std::size_t max_unfinished_bytes = std::size_t{64} << 20;
  };

  class Listener {
   public:
    virtual ~Listener() = default;
    /// To be answered by reply() or refuse(), now or later.
    virtual void on_request(CallerId caller, const Endpoint& source,
                            wire::gossip::StreamMessage request) = 0;
    /// A stream was closed without on_request().
    virtual void on_stream_refused(const Endpoint& source, const Error& why) = 0;
  };

  /// Takes the address; nobody is accepted before start(). `speech` must outlive it. Errors:
  /// unavailable.
  static Result<std::unique_ptr<StreamAcceptor>> open(boost::asio::io_context& context,
                                                      const Endpoint& listen, const Speech& speech,
                                                      const Limits& limits);
  ~StreamAcceptor();
  StreamAcceptor(const StreamAcceptor&) = delete;
  StreamAcceptor& operator=(const StreamAcceptor&) = delete;

  std::uint16_t port() const;
  /// `listener` must outlive the acceptor. Once.
  void start(Listener& listener);
  /// Answers and closes. Nothing happens when the caller has gone.
  void reply(CallerId caller, const wire::gossip::StreamMessage& message);
  /// Closes without an answer.
  void refuse(CallerId caller);

 private:
  class Impl;
  explicit StreamAcceptor(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge::gossip
