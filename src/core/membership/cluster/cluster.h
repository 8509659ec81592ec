// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "core/membership/cluster/allowance.h"
#include "core/membership/cluster/catalog.h"
#include "core/membership/cluster/cluster_actions.h"
#include "core/membership/cluster/damping.h"
#include "core/membership/cluster/evidence.h"
#include "core/membership/cluster/graves.h"
#include "core/membership/cluster/node_data.h"
#include "core/membership/cluster/seeds.h"
#include "core/membership/cluster/silent_packets.h"
#include "core/membership/cluster/topics.h"
#include "core/membership/cluster/user_state.h"
#include "core/membership/membership.h"

namespace kith::membership {

struct ClusterOptions {
  /// Name, address, versions, timing. `meta` is the cluster's own, and a given one is not looked
  /// at; `admit` is asked besides.
  Options membership = {};
  /// Nodes of another cluster are refused. At most kMaxClusterName bytes; not empty.
  std::string cluster = "default";
  /// This run of the node.
  BootId boot = {};
  std::uint16_t data_port = 0;
  std::uint16_t weight = 1;
  std::string zone = {};
  LinkVersions link = {};
  Phase phase = Phase::starting;
};
inline constexpr std::size_t kMaxClusterName = 64;

/// What one node believes of another, or of itself.
struct PeerInfo {
  enum class Health : std::uint8_t { ok, suspected, unreachable, failed, left };
  std::string name;
  Address address;
  Health health = Health::ok;
  /// Empty: it is no kith node.
  std::optional<NodeData> node;
};

/// One node's part in a kith cluster: a memberlist pool and what kith adds above its wire, so that
/// plain memberlist processes may be in the same pool. They own no keys.
/// (event, now) -> actions, driven like Membership. See "Cluster: above memberlist's wire" in
/// docs/notes.md. Pure; one thread.
class Cluster {
 public:
  /// A cluster of one. Options that are no good are a defect of the caller.
  Cluster(const ClusterOptions& options, TimePoint now);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // From the operator's side.
  /// All addresses that discovery knows at present; the first kMaxSeeds count. They are joined
  /// until they are members, however often it takes. Nobody is removed because discovery lost him.
  void on_seeds(std::span<const Address> seeds, TimePoint now, ClusterActions& out);
  /// Takes the living of `nodes` for members: what this node knew in an earlier life.
  void recall(std::span<const NodeState> nodes, TimePoint now, ClusterActions& out);
  /// This node takes part in the cache from now on. Its Participants follow at once, and whenever
  /// they change. Again: does nothing. resource_exhausted: kMaxCaches are open.
  Result<void> open_cache(CacheId cache, TimePoint now, ClusterActions& out);
  void close_cache(CacheId cache, TimePoint now, ClusterActions& out);
  void set_phase(Phase phase, TimePoint now, ClusterActions& out);
  /// This node's own link to that boot of the peer was closed by it, and connecting again was
  /// refused or found another boot. Never for a time-out.
  void on_process_gone(std::string_view name, BootId boot, TimePoint now, ClusterActions& out);
  /// Tells the others that this node leaves; ends as LeaveEnded, after `patience` at the latest.
  void leave(TimePoint now, Duration patience, ClusterActions& out);

  // From the others' side, as Membership has them.
  void on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                 ClusterActions& out);
  void on_caller(CallerId caller, const StreamMessage& request, TimePoint now, ClusterActions& out);
  void on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now,
                       ClusterActions& out);
  void on_stream_failed(StreamId stream, TimePoint now, ClusterActions& out);

  void on_deadline(TimePoint now, ClusterActions& out);
  TimePoint next_deadline() const;

  /// Who owns the keys of any cache, by what this node knows now; for status. O(members).
  std::vector<placement::Member> participants(CacheId cache) const;
  /// Everybody, this node included, in the order of names. O(members).
  std::vector<PeerInfo> peers() const;
  const Membership& membership() const { return membership_; }
  const NodeData& own_data() const { return own_; }

 private:
  /// Somebody who may be in the pool and is not among the members.
  struct Contact {
    Address address;
    /// Of a member that failed; empty: a seed.
    std::string name = {};
  };

  Options membership_options(const ClusterOptions& options);
  bool admit(const Alive& claim);

  /// Handles what the membership asked and told, passes it on, and looks at what follows.
  void relay(TimePoint now, ClusterActions& out);
  void handle(SendPacket& send, TimePoint now, ClusterActions& out);
  void handle(OpenStream& open, TimePoint now, ClusterActions& out);
  void handle(ReplyToCaller& reply, TimePoint now, ClusterActions& out);
  void handle(RefuseCaller& refuse, TimePoint now, ClusterActions& out);
  void handle(MemberEvent& event, TimePoint now, ClusterActions& out);
  void handle(NameConflict& conflict, TimePoint now, ClusterActions& out);
  void handle(ProbeFailed& failed, TimePoint now, ClusterActions& out);
  void handle(PacketsUnanswered& unanswered, TimePoint now, ClusterActions& out);
  void handle(Incompatible& incompatible, TimePoint now, ClusterActions& out);
  void handle(UserReceived& user, TimePoint now, ClusterActions& out);
  void handle(UserStateReceived& user, TimePoint now, ClusterActions& out);
  void handle(JoinEnded& ended, TimePoint now, ClusterActions& out);
  void handle(LeaveEnded& ended, TimePoint now, ClusterActions& out);

  // What kith nodes say in user messages.
  void on_notice(const ProcessGone& gone, TimePoint now, ClusterActions& out);
  void on_notice(const Accused& accused, TimePoint now, ClusterActions& out);
  void on_notice(const Flapping& flapping, TimePoint now, ClusterActions& out);
  void on_notice(const CacheListWanted& wanted, TimePoint now, ClusterActions& out);
  void on_notice(const CacheListPart& part, TimePoint now, ClusterActions& out);

  /// Whether it is from a node of another cluster, which was warned of then.
  bool foreign(const UserState& state, const Address& from, ClusterActions& out);
  void on_joined(const MemberEvent& event, const std::optional<NodeData>& data, TimePoint now,
                 ClusterActions& out);
  void on_gone(const MemberEvent& event, TimePoint now);
  void send(const Address& to, const Notice& notice, ClusterActions& out) const;
  void set_out(const std::string& name, TimePoint now, ClusterActions& out);
  void tell(PeerEvent::Kind kind, std::string_view name, ClusterActions& out) const;
  bool alone() const { return others_ == 0; }

  void contact_seeds(TimePoint now, ClusterActions& out);
  void contact_grave(TimePoint now, ClusterActions& out);
  /// Asks whether anybody is there, and exchanges everything with him then.
  void knock(const Contact& contact, TimePoint now, ClusterActions& out);
  void join(const Contact& contact, TimePoint now);
  void on_contact_ended(const Contact& contact, bool reached, TimePoint now);

  /// Puts what this node is and has opened into Meta. A long list of caches is told a little later,
  /// once for many that are opened at the same time.
  void announce(TimePoint now);
  void tell_list(TimePoint now);
  void ask_for_lists(TimePoint now, ClusterActions& out);
  void exchange_with_silent(TimePoint now);
  void refresh_user_state(TimePoint now);
  std::vector<Owner> owners() const;
  Owner owner(const Member& member, NodeData data) const;
  bool failing() const { return evidence_.doubts().unreachable_count() > 0; }
  void publish_if_due(TimePoint now, ClusterActions& out);

  ClusterOptions options_;
  Rng rng_;
  NodeData own_;
  std::set<CacheId> caches_;
  Membership membership_;
  /// What the membership asked and told in this input.
  Actions asked_;
  Seeds seeds_;
  Graves graves_;
  Evidence evidence_;
  Catalog catalog_;
  Damping damping_;
  SilentPackets silent_;
  Topics topics_;

  /// When the long list of caches is told; empty: it has not changed.
  std::optional<TimePoint> tell_list_at_;
  /// What goes with push/pulls is out of date.
  bool user_state_changed_ = true;
  std::uint32_t own_incarnation_ = 0;
  /// Of parts of lists sent on request.
  Allowance parts_allowance_{500, 1000};
  /// Living members but this node.
  std::size_t others_ = 0;
  /// Members that joined within this input.
  std::size_t joined_now_ = 0;
  /// Where the open push/pulls went.
  std::map<StreamId, Address> exchanges_;
  /// This node's own streams, which are numbered apart from the membership's.
  std::map<StreamId, Contact> knocks_;
  std::uint64_t last_knock_ = 0;
  std::map<JoinId, Contact> joins_;
  /// Refused since the last input, to be warned of.
  std::vector<Warning> refused_;
  /// Whom such a warning was about.
  std::set<std::string> known_foreigners_;
};

}  // namespace kith::membership
