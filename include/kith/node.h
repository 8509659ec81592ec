// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>
#include <kith/loader.h>
#include <kith/options.h>
#include <kith/result.h>
#include <kith/stats.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kith {

namespace api {
class NodeImpl;
}

/// A peer as this node sees it now.
struct PeerStatus {
  enum class State : std::uint8_t {
    self,         ///< This node.
    connecting,   ///< No answer yet.
    reachable,    ///< Connected and answering.
    unreachable,  ///< Refused, gone or silent; requests go to stand-ins until it is back.
  };
  Peer peer;
  State state = State::connecting;
  /// Of the node at that address, which is the address itself unless it was given another.
  std::string name = {};
};

/// "self", "connecting", "reachable" or "unreachable".
std::string_view to_string(PeerStatus::State state);

/// One process's part in a cluster. Several may live in one process; they share nothing. All calls
/// are thread-safe. Destroying the last handle stops the node. From a callback of the node, open,
/// wait_connected and the changes of peers are refused (failed_precondition), and it must be
/// neither stopped nor destroyed.
class Node {
 public:
  /// Starts listening and connecting. Errors: invalid_argument (the message names the field),
  /// unavailable (the address cannot be listened on). Peers need not be up yet.
  static Result<Node> start(NodeOptions options = {});

  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;
  ~Node();

  /// Opens the cache `name` on this node, or returns the open one when the options are the same.
  /// Nodes that ask each other for a cache's keys must each have opened it, with equivalent
  /// loaders. Names are 1 to 128 of A-Z a-z 0-9 . _ - / and start with a letter or digit. Errors:
  /// invalid_argument (a bad name or option, named in the message), already_exists (open with other
  /// options, the message says which field), resource_exhausted (memory_bytes is more than the node
  /// has left), cancelled (stopped).
  Result<Cache> open(std::string_view name, const CacheOptions& options = {}, Loader loader = {});

  /// Closes a cache on this node: its memory is free, and its handles answer `cancelled` from then
  /// on, as do requests under way. Other nodes are sent elsewhere, and with gossip its keys are
  /// theirs from then on. It may be opened again.
  /// Errors: not_found, failed_precondition (from a callback of the node).
  Result<void> close(std::string_view name);

  /// Gives an open cache more or less memory, from now on, as CacheOptions::memory_bytes would.
  /// What is too much leaves within seconds.
  /// Errors: invalid_argument (no such cache, or less than 64 KiB), resource_exhausted (more than
  /// the node has left).
  Result<void> resize(std::string_view name, std::uint64_t memory_bytes);

  /// Replaces all other nodes at once. Requests in flight to a removed node still complete.
  /// Errors: invalid_argument; nothing is changed then. With gossip this and the next two are
  /// refused (failed_precondition): there the nodes find each other.
  Result<void> set_peers(std::vector<Peer> peers);
  /// Adds a node, or replaces the one with the same address.
  Result<void> add_peer(Peer peer);
  /// Errors: not_found.
  Result<void> remove_peer(std::string_view address);
  /// This node and all to which it has or wants a connection, by address. With gossip: those that
  /// own keys of a cache that it has opened.
  std::vector<PeerStatus> peers() const;

  /// Reads the files of NodeOptions::tls and takes them into use if they have changed: connections
  /// made from now on begin with them, those that exist go on. Happens by itself every
  /// TlsOptions::reload_interval. Blocks while it reads. Errors: invalid_argument (a file is not in
  /// order, the message says which and why), failed_precondition (the node has no TLS); what was in
  /// use stays so.
  Result<void> reload_certificates();

  /// Blocks until every peer is reachable and the view of keys is up to date, or `timeout` has
  /// passed (timed_out). Useful in tests and at start; a node works without it.
  Result<void> wait_connected(Duration timeout) const;

  /// Everybody in the pool, this node and those that failed lately included, by name. Errors:
  /// failed_precondition (no gossip, or from a callback of the node), cancelled (stopped).
  Result<std::vector<Member>> members() const;
  /// Gives up this node's keys, from now on, and goes on answering: for the time before stop().
  /// Errors: as members().
  Result<void> drain();
  /// A key more that is read with, the one that is written with, a key less: a pool changes its key
  /// by these three steps, each on all nodes before the next. Keys as in GossipOptions::keys.
  /// Errors: as members(), invalid_argument (not a key), resource_exhausted (too many), not_found
  /// (use of one that was not added), failed_precondition (removal of the one in use).
  Result<void> add_gossip_key(std::string_view key);
  Result<void> use_gossip_key(std::string_view key);
  Result<void> remove_gossip_key(std::string_view key);
  /// Where others reach this node's gossip, as "host:port". Empty: it has none.
  std::string gossip_address() const;

  NodeMemory memory() const;

  /// The address that this node advertises, with the port that it really has.
  const std::string& address() const;
  const std::string& name() const;

  /// Tells the other members that it leaves, stops taking requests, lets those in flight finish for
  /// up to stop_grace, cancels the rest and closes everything. Idempotent, from any thread but the
  /// node's own.
  void stop();

 private:
  explicit Node(std::shared_ptr<api::NodeImpl> impl);

  std::shared_ptr<api::NodeImpl> impl_;
};

}  // namespace kith
