// SPDX-License-Identifier: Apache-2.0
// How nodes find each other, and what one knows of the others.
#pragma once

#include <kith/discovery.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kith {

/// With it a node finds the others by gossip, HashiCorp memberlist's protocol, which Go programs
/// that use memberlist or Serf may speak in the same pool. docs/membership.md tells how to choose.
struct GossipOptions {
  /// "host:port" for packets (UDP) and exchanges (TCP) alike, the host in digits. Port 0: any free
  /// one. On more than this machine it needs a key, unless NodeOptions::insecure is set.
  std::string listen = "127.0.0.1:0";
  /// Where others reach it, in digits, if that is not `listen`; port 0 is the one listened on.
  /// NodeOptions::listen must be reachable at the same host.
  std::string advertise = {};
  /// Nodes of clusters with other names are refused. 1 to 64 bytes.
  std::string cluster = "kith";
  /// memberlist's label, which keeps pools apart on the wire. Not set: the cluster's name. Empty:
  /// none, for pools with programs that have none.
  std::optional<std::string> label = std::nullopt;
  /// "host:port" of some other nodes' gossip; names are resolved. One that is up is enough, and
  /// this node itself may be among them. The first node of all needs none.
  std::vector<std::string> seeds = {};
  /// Further sources of seeds, such as dns_seeds and kubernetes_seeds. Started and stopped by the
  /// node; each serves one node.
  std::vector<std::shared_ptr<Discovery>> discovery = {};
  /// Keys of 16, 24 or 32 bytes, in base64, as `kith keygen` makes them: everything is encrypted
  /// with the first, and read with any. At most 16. Empty: not encrypted.
  std::vector<std::string> keys = {};
  /// Timing. All members should have the same.
  enum class Profile : std::uint8_t {
    kith,   ///< For pools of kith nodes in one network: memberlist's LAN, quicker where it helps.
    lan,    ///< memberlist's default, for pools with other programs.
    wan,    ///< For members that are far from each other.
    local,  ///< For members on one machine.
  };
  Profile profile = Profile::kith;
  /// A node that has seeds takes its share of the keys when it has found somebody, or when this
  /// time has passed: nodes that start together do not each take all keys for their own.
  Duration alone_after = std::chrono::seconds(3);
};

/// A member of the pool as this node sees it.
struct Member {
  enum class Health : std::uint8_t {
    ok,
    suspected,    ///< It did not answer somebody. Nothing follows from it yet.
    unreachable,  ///< Several found so: requests go to stand-ins. It still owns its keys.
    failed,       ///< It is taken for dead, and owns nothing.
    left,         ///< It said so itself.
  };
  /// How far it takes part, by its own word.
  enum class Phase : std::uint8_t {
    starting,  ///< It asks others, and owns nothing yet.
    ready,     ///< It owns keys of the caches that it opened.
    draining,  ///< It gives them up, and still answers.
    foreign,   ///< No kith node: listed, and never an owner.
  };
  std::string name;
  Health health = Health::ok;
  Phase phase = Phase::foreign;
  /// "host:port"
  std::string gossip_address;
  /// Where its peer link listens. Empty: a foreign one.
  std::string address;
  std::uint32_t weight = 0;
  std::string zone;
  /// Of the present process: new at each start, and greater.
  std::uint64_t boot = 0;

  friend bool operator==(const Member&, const Member&) = default;
};

/// "ok", "suspected", "unreachable", "failed" or "left".
std::string_view to_string(Member::Health health);
/// "starting", "ready", "draining" or "foreign".
std::string_view to_string(Member::Phase phase);

/// Something has changed about another member, or about who owns a cache's keys.
struct MemberEvent {
  enum class Kind : std::uint8_t {
    joined,
    updated,  ///< Its phase, weight, zone, caches or address.
    suspected,
    cleared,  ///< It refuted that.
    unreachable,
    reachable,
    failed,
    left,
    view_changed,  ///< Of a cache that this node has opened.
  };
  Kind kind;
  /// Of all but view_changed.
  Member member = {};
  /// Of view_changed: the cache, and the names of who owns its keys from now on.
  std::string cache = {};
  std::vector<std::string> owners = {};
};

/// "joined", "updated" and so on.
std::string_view to_string(MemberEvent::Kind kind);

/// Hears of each event once, one at a time, in the order in which they happened, on a thread of
/// the node's own. Must return soon, for views change on the same thread. When more than 10 000
/// wait, the oldest are lost.
using MemberListener = std::function<void(const MemberEvent&)>;

}  // namespace kith
