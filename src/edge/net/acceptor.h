// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "edge/net/address.h"
#include "edge/net/channel.h"
#include "edge/net/flush_queue.h"
#include "edge/net/link.h"

namespace kith::edge {

/// One of a bounded number of things that may exist at once; gives its place back when destroyed.
/// May be destroyed on any thread.
class Permit {
 public:
  Permit() = default;
  explicit Permit(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) {
    count_->fetch_add(1, std::memory_order_relaxed);
  }
  Permit(Permit&&) = default;
  Permit& operator=(Permit&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~Permit() {
    if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<std::size_t>> count_;
};

/// Accepts connections, secures them if this node has credentials, and hears their greetings.
/// Nothing of the peer protocol is read from a peer that has not proved to be one of the cluster.
/// Loop thread only, but where said.
class Acceptor {
 public:
  struct Limits {
    /// Connections accepted that still exist, of which each peer has one for each pair of loops
    /// that share slots. Further ones are closed.
    std::size_t max_connections = 32'768;
    /// Of those, the ones that have not greeted yet, for which they have a second, and for a TLS
    /// handshake before it two more.
    std::size_t max_silent = 256;
  };

  /// A connection whose greeting is in order. The answer, HelloOk, is still to be sent.
  struct Accepted {
    Channel channel;
    std::string name;
    BootId boot;
    std::uint16_t slice = 0;
    std::uint16_t version = 0;
    Permit permit;
  };

  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_accepted(Accepted accepted) = 0;
    /// Somebody was not let in; `who` is a name or an address.
    virtual void on_refused(std::string_view who, std::string_view why) = 0;
  };

  /// Takes the address. Nobody is accepted before start(), but the system lets them queue. Any
  /// thread, before the loop runs. May wait for the resolution of a name. Errors: unavailable.
  static Result<std::unique_ptr<Acceptor>> open(boost::asio::io_context& context,
                                                const Address& address, const Limits& limits);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// The port that it listens on.
  std::uint16_t port() const;
  /// Begins to accept. The references must outlive the acceptor. Once.
  void start(const Identity& self, Listener& listener, FlushQueue& queue);

 private:
  class Impl;
  explicit Acceptor(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

}  // namespace kith::edge
