// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/value.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/fetch/actions.h"
#include "edge/net/flush_queue.h"
#include "edge/net/link.h"
#include "wire/peer/message.h"

namespace kith::edge {

/// The connections that one loop dials to one peer: one to each of the peer's slices whose slots
/// overlap the loop's. To the core they are one link. How many slices the peer has is learned from
/// its answer to the first greeting, and anew whenever it greets otherwise. Loop thread only.
class PeerLinks final : private Link::Listener {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    /// All connections are made.
    virtual void on_peer_up(NodeId node) = 0;
    /// One was lost, or the first attempt failed. Once until it is up again.
    virtual void on_peer_down(NodeId node) = 0;
    /// A connection or an attempt failed, for the log.
    virtual void on_peer_trouble(const std::string& name, const Link::Down& down) = 0;
    /// The process that was `boot` does not exist any more: its connections were closed, and nobody
    /// or another process listens there. Never said of one that is silent.
    virtual void on_peer_gone(const std::string& name, BootId boot) = 0;
    /// A reply; requests are not taken from a dialed connection.
    virtual void on_peer_message(NodeId node, const wire::peer::Message& message) = 0;
  };

  /// The loop's surroundings. They outlive its PeerLinks.
  struct Home {
    boost::asio::io_context& context;
    const Identity& self;
    FlushQueue& queue;
    /// Which of the node's slices the loop is.
    std::uint16_t slice = 0;
  };

  /// `address` is where the peer named `name` listens.
  PeerLinks(const Home& home, std::string name, std::string address, std::uint64_t seed,
            Listener& listener);
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  bool up() const { return state_ == State::up; }
  bool down() const { return state_ == State::down; }
  /// Sends a request; a ping on each connection. Until the first attempt to connect has ended,
  /// requests wait; afterwards they are lost while the peer is down. False: more are waiting than
  /// the bound allows, and the peer should be given up.
  bool send(fetch::Send request);
  /// Takes the peer for down, and forgets what waits. The listener is not told.
  void give_up();
  /// Makes all connections anew. As give_up() otherwise.
  void redial();

 private:
  enum class State : std::uint8_t { connecting, up, down };

  void dial_slices(std::uint16_t slices);
  void on_up(Link& link, BootId boot, std::uint16_t slices) override;
  void on_down(Link& link, const Link::Down& down) override;
  void on_message(Link& link, const wire::peer::Message& message) override;
  void send_now(const fetch::Send& request);

  const Home home_;
  const NodeId node_;
  const std::string name_;
  const std::string address_;
  const std::uint64_t seed_;
  Listener& listener_;
  State state_ = State::connecting;
  /// The process that was reached last, unless it is known to be gone.
  std::optional<BootId> boot_;
  /// What the peer is known or guessed to have.
  std::uint16_t slices_ = 0;
  /// One for each overlapping slice, in order.
  std::vector<std::unique_ptr<Link>> links_;
  /// Requests until the first attempt has ended.
  std::vector<fetch::Send> waiting_;
  std::size_t waiting_bytes_ = 0;
};

/// Whether a message goes from the dialing to the accepting side.
bool is_request(const wire::peer::Message& message);

}  // namespace kith::edge
