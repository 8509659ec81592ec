// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "sim/history.h"
#include "sim/trace.h"
#include "sim/world.h"

namespace kith::sim {

/// How one direction between two nodes behaves. With the faults at zero it is TCP's: nothing is
/// lost, and what one connection carries arrives in order.
struct LinkQuality {
  Duration min_delay = std::chrono::microseconds(100);
  /// Mean of the exponential part of the delay.
  Duration mean_extra = std::chrono::microseconds(100);
  double loss = 0;
  double duplication = 0;
  /// Chance that a message may overtake those sent before it.
  double reordering = 0;
};

/// The virtual network: a connection for each ordered pair of nodes, dialed by the first, which
/// sends requests on it and gets replies back. One thread only.
class Network {
 public:
  /// A process, as the network sees it.
  class Endpoint {
   public:
    virtual ~Endpoint() = default;
    /// Runs the task when the process next looks at its sockets: now, or after a pause.
    virtual void when_awake(World::Task task) = 0;
    virtual void on_frame(NodeIndex from, const std::string& frame) = 0;
    virtual void on_link_up(NodeIndex to) = 0;
    virtual void on_link_down(NodeIndex to) = 0;
    virtual void on_caller_gone(NodeIndex from) = 0;
  };

  /// What becomes of what is sent in one direction.
  enum class Blocked : std::uint8_t {
    no,
    held,      ///< Kept until the block ends, as TCP's retransmission does over a short outage.
    vanishes,  ///< Lost without a word: the connections stay as they are.
  };

  Network(std::size_t nodes, std::uint64_t seed, World& world, Trace& trace);

  /// The process of `node` listens, or is gone: its connections break, and the others learn it
  /// after a short while.
  void attach(NodeIndex node, Endpoint& endpoint);
  void detach(NodeIndex node);

  /// Connects, unless connected or at it. Ends in on_link_up or on_link_down at `from`.
  void dial(NodeIndex from, NodeIndex to);
  /// `from` closes the connection that it dialed.
  void hang_up(NodeIndex from, NodeIndex to);
  bool dialed(NodeIndex from, NodeIndex to) const { return link(from, to).state != State::down; }

  void send_request(NodeIndex from, NodeIndex to, std::string frame);
  void send_reply(NodeIndex from, NodeIndex to, std::string frame);

  void set_quality(const LinkQuality& quality);
  void set_quality(NodeIndex from, NodeIndex to, const LinkQuality& quality);
  void block(NodeIndex from, NodeIndex to, Blocked how);
  /// Ends every block, and every fault of the links.
  void heal();

  std::size_t nodes() const { return nodes_; }
  std::uint64_t messages() const { return messages_; }

 private:
  enum class State : std::uint8_t { down, dialing, up };
  /// One connection and its two ends, which may know different things about it for a while.
  struct Link {
    State state = State::down;
    /// Names the connection, to both ends; a new one is given at every dialing. Zero: none.
    std::uint64_t dialer = 0;
    std::uint64_t acceptor = 0;
    std::vector<std::string> waiting;
  };
  struct Direction {
    LinkQuality quality;
    Blocked blocked = Blocked::no;
    TimePoint last_arrival = {};
    std::vector<World::Task> held;
  };

  Link& link(NodeIndex from, NodeIndex to) { return links_[from * nodes_ + to]; }
  const Link& link(NodeIndex from, NodeIndex to) const { return links_[from * nodes_ + to]; }
  Direction& direction(NodeIndex from, NodeIndex to) { return directions_[from * nodes_ + to]; }

  Duration delay(const LinkQuality& quality);
  /// Runs `arrival` when a signal that is never lost (unless it vanishes) gets from one to the
  /// other.
  void signal(NodeIndex from, NodeIndex to, World::Task arrival);
  void transmit(NodeIndex from, NodeIndex to, const World::Task& arrival);
  void deliver_request(NodeIndex from, NodeIndex to, std::uint64_t connection,
                       const std::string& frame);
  void deliver_reply(NodeIndex from, NodeIndex to, std::uint64_t connection,
                     const std::string& frame);
  void accept(NodeIndex from, NodeIndex to, std::uint64_t connection);
  void established(NodeIndex from, NodeIndex to, std::uint64_t connection);
  void break_at_dialer(NodeIndex from, NodeIndex to, std::uint64_t connection);
  void break_at_acceptor(NodeIndex from, NodeIndex to, std::uint64_t connection);

  std::size_t nodes_;
  Rng rng_;
  World& world_;
  Trace& trace_;
  std::vector<Endpoint*> endpoints_;
  std::vector<Link> links_;
  std::vector<Direction> directions_;
  std::uint64_t connections_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace kith::sim
