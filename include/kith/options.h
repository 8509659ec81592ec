// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/membership.h>
#include <kith/security.h>
#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Receives the node's log lines, one at a time but from any thread of the node, the protocol's
/// included: must not block. Must not call back into the node. Empty: nothing is logged.
using LogSink = std::function<void(LogLevel, std::string_view)>;

inline namespace literals {
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
}  // namespace literals

/// A node of the cluster as the others reach it.
struct Peer {
  Peer() = default;
  // NOLINTBEGIN(google-explicit-constructor): lists of addresses are lists of peers
  Peer(std::string address_, std::uint32_t weight_ = 1, std::string zone_ = {})
      : address(std::move(address_)), weight(weight_), zone(std::move(zone_)) {}
  Peer(const char* address_) : address(address_) {}
  // NOLINTEND(google-explicit-constructor)

  /// "host:port", spelled exactly as that node advertises it: the spelling is the node's name, and
  /// every node must use the same one, because names decide which node owns which key.
  std::string address;
  /// Share of the keys relative to the others'. 1 to 1000. The same on every node.
  std::uint32_t weight = 1;
  /// Copies of a key go to different zones first. Empty: no zone. The same on every node.
  std::string zone;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct NodeOptions {
  /// "host:port" to accept peers on; port 0 takes a free one (see Node::address()). Empty: accept
  /// none, which is only right for a node without peers. To accept on all addresses of the machine
  /// ("0.0.0.0", "[::]"), set `advertise` too: peers need one that they can reach.
  std::string listen = "127.0.0.1:0";
  /// The address that peers reach this node at, which is also its name. Empty: the one listened on.
  std::string advertise = {};
  /// The node's name, which no other node may have; with gossip it may come back with it at another
  /// address. 1 to 128 bytes. Empty: the address that it advertises. Nodes that are told their
  /// peers by hand need it empty.
  std::string name = {};
  /// This node's own share and zone; `peers` of the others must say the same.
  std::uint32_t weight = 1;
  std::string zone = {};
  /// The other nodes. May contain this node itself. Changed at run time with Node::set_peers.
  std::vector<Peer> peers = {};
  /// How the nodes find each other, in place of `peers`. Not set: they are told by hand.
  std::optional<GossipOptions> gossip = std::nullopt;
  /// Hears what happens to other members, with gossip. See MemberListener.
  MemberListener on_member_event = {};
  /// Memory for everything that grows with use, in bytes: the caches with their indexes, requests
  /// and loads under way, and the connections' buffers; and for the node itself, up to an eighth of
  /// it (NodeMemory::fixed_bytes). At least 1 MiB.
  std::uint64_t memory_bytes = 256_MiB;
  /// Threads that run the protocol; each owns a share of the keys. 1 to 16. One serves more than a
  /// million small requests a second.
  int loops = 1;
  /// Threads that run loaders, shared by all caches. 1 to 1024.
  int loader_threads = 16;
  /// How long stop() waits for requests in flight before it cancels them.
  Duration stop_grace = std::chrono::seconds(1);
  /// How connections between nodes are secured. Without it they are plaintext, and `listen` must be
  /// an address of this machine alone, such as 127.0.0.1, unless `insecure` is set.
  std::optional<TlsOptions> tls = std::nullopt;
  /// Says that plaintext on other addresses is meant: that whoever can reach this node may read the
  /// cache and pass for a node.
  bool insecure = false;
  LogSink log = {};
};

/// What a cache promises about change. Chosen when the cache is opened; the same on every node.
enum class Coherence : std::uint8_t {
  /// The value of a key may change. Only the owner keeps it, so every node reads the same one.
  coherent,
  /// A key's value never changes. Every node may keep a copy of what it read.
  immutable,
};

struct CacheOptions {
  /// Memory for this cache's entries on this node, in bytes, out of the node's memory_bytes.
  /// At least 64 KiB. While requests and connections need memory that is promised, all caches give
  /// some of it in proportion.
  std::uint64_t memory_bytes = 64_MiB;
  /// Whether the cache may have more than that: what the node promised to none, as long as nobody
  /// else needs it more. Among elastic caches memory moves to where entries come back soon after
  /// they had to leave.
  bool elastic = false;
  Coherence coherence = Coherence::coherent;
  /// How long a loaded value may be served when the loader does not say. Zero: until evicted.
  Duration default_ttl = Duration::zero();
  /// Each TTL is lengthened or shortened by up to this share, at random, so that entries loaded
  /// together do not expire together. 0 to 0.5.
  double ttl_jitter = 0.05;
  /// How long "not found" is remembered. Zero: not at all.
  Duration negative_ttl = std::chrono::seconds(1);
  /// How long past its TTL a value may still be served, marked stale, when the loader fails.
  Duration stale_if_error = std::chrono::seconds(30);
  /// How long a load may take. The loader is told to stop then, and its waiters get loader_failed.
  Duration load_timeout = std::chrono::seconds(10);
  /// Loads of this cache that may run at once on this node. 1 to 100 000. The node lowers it by
  /// itself while the origin's latency rises.
  int max_concurrent_loads = 64;
  /// Loads that may wait for their turn; more are answered resource_exhausted.
  int max_queued_loads = 100'000;
  /// Largest value accepted, in bytes. At most 256 MiB.
  std::uint64_t max_value_bytes = 8_MiB;
  /// How eagerly the owner refreshes an entry before it expires (XFetch's beta). 0: never; 1: the
  /// usual choice; more: earlier.
  double early_refresh = 1.0;
  /// Whether values of 64 bytes to 32 KiB are kept compressed (zstd) where that saves a tenth and
  /// more, with a dictionary that the node trains from the cache's own values. Every hit then
  /// unpacks and copies its value: about a microsecond for 300 bytes. A matter of this node alone.
  bool compress = false;

  friend bool operator==(const CacheOptions&, const CacheOptions&) = default;
};

struct GetOptions {
  /// How long the caller is willing to wait. Positive.
  Duration timeout = std::chrono::seconds(5);
  /// Ends the get as `cancelled` when it is stopped. Others who wait for the key are not affected.
  std::stop_token stop = {};
};

/// Bounds on keys and values that no option changes.
inline constexpr std::size_t kMaxKeyBytes = 64 * 1024;
inline constexpr std::uint64_t kMaxValueBytes = 256_MiB;
inline constexpr std::size_t kMaxCacheNameBytes = 128;

}  // namespace kith
