// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/membership/actions.h"
#include "core/membership/cluster/node_data.h"
#include "core/placement/view.h"

// What the cluster asks of its driver, and what it tells.
namespace kith::membership {

/// Something changed about another node. Of each node: joined, then any of the others, then failed
/// or left; and again from the start. Between, suspected and cleared alternate, and so do
/// unreachable and reachable; failed and left end both without a word.
struct PeerEvent {
  enum class Kind : std::uint8_t {
    joined,
    updated,      ///< Its data or its address.
    suspected,    ///< It did not answer somebody; nothing follows from it yet.
    cleared,      ///< It refuted that.
    unreachable,  ///< Several found so: its keys are asked of their stand-ins.
    reachable,    ///< That is over.
    failed,
    left,  ///< It said so itself.
  };
  Kind kind;
  std::string name;
  /// Of the gossip.
  Address address;
  /// Empty: it is no kith node.
  std::optional<NodeData> node;

  /// Where its peer link listens. Requires a kith node.
  Address data_address() const { return {address.ip, node->data_port}; }
};

/// Who owns the keys of a cache that this node has opened: sorted by name, perhaps nobody. The same
/// on all nodes that believe the same. The driver builds the view of it.
struct Participants {
  CacheId cache;
  std::vector<placement::Member> members;
};

/// Something for the operator to know.
struct Warning {
  enum class Kind : std::uint8_t {
    name_conflict,    ///< Two nodes want `name`: the one at `address`, which has it, and one at
                      ///< `other`.
    foreign_cluster,  ///< `name`, or who is at `address`, belongs to the cluster `detail` (empty:
                      ///< unknown) and is refused.
    packets_blocked,  ///< `name` answers on streams and not to packets.
    all_packets_blocked,  ///< Most members do; something on the way blocks packets.
    incompatible,         ///< A push/pull failed: somebody's versions suit nobody.
    member_flaps,         ///< `name` failed and came back too often, and owns no keys for a while.
  };
  Kind kind;
  std::string name = {};
  Address address = {};
  Address other = {};
  std::string detail = {};
};

using ClusterAction = std::variant<SendPacket, OpenStream, ReplyToCaller, RefuseCaller, PeerEvent,
                                   Participants, Warning, LeaveEnded>;
/// In order of execution. Reused between inputs by the driver.
using ClusterActions = std::vector<ClusterAction>;

}  // namespace kith::membership
