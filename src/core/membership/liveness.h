// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/mark.h"

namespace kith::membership {

struct LivenessOptions {
  /// A peer that is owed an answer and has been silent this long is pinged.
  Duration ping_when_expecting = std::chrono::milliseconds(300);
  /// An idle peer is pinged this often, so that its death is known before the next request.
  Duration ping_when_idle = std::chrono::seconds(1);
  /// A peer that was pinged and has been silent this long is unreachable. More than
  /// ping_when_idle; longer forgives longer pauses of the peer, shorter finds stand-ins sooner.
  Duration silence_limit = std::chrono::milliseconds(1700);
  /// A deadline met later than this shows that this node itself stood still; then silence of
  /// others proves nothing, and everybody gets the time again.
  Duration own_stall = std::chrono::milliseconds(100);
};

enum class Reachability : std::uint8_t {
  connecting,   ///< No connection was made yet: worth trying.
  reachable,    ///< Connected, and not silent.
  unreachable,  ///< Refused, closed or silent. Until its link is up again.
};

struct LivenessEvent {
  enum class Kind : std::uint8_t { ping, lost_by_silence, lost_by_rumour, lost_by_link, back };
  Kind kind;
  NodeId node;
};

/// Whether each peer is worth a request, by the evidence of this node's own links to it: a routing
/// state only, which moves no ownership. Pure; loop thread only.
class Liveness {
 public:
  Liveness(const LivenessOptions& options, Marks& marks);

  /// The peers to watch. A peer that is no longer listed is watched until nothing is expected of
  /// it.
  void set_peers(std::span<const NodeId> peers, TimePoint now);

  void on_link_up(NodeId node, TimePoint now, std::vector<LivenessEvent>& out);
  void on_link_down(NodeId node, TimePoint now, std::vector<LivenessEvent>& out);
  /// Anything arrived on the link to `node`.
  void on_heard(NodeId node, TimePoint now);
  /// Others have found that `node` does not answer. It counts as unreachable, unless it has just
  /// spoken to this one.
  void on_rumour(NodeId node, TimePoint now, std::vector<LivenessEvent>& out);
  /// One more, or one less, answer is expected from `node`.
  void on_request_sent(NodeId node, TimePoint now);
  void on_request_ended(NodeId node);

  void on_deadline(TimePoint now, std::vector<LivenessEvent>& out);
  /// May be earlier than anything is due; then on_deadline does nothing.
  std::optional<TimePoint> next_deadline() const { return next_; }

  /// `unreachable` for a node that is not watched.
  Reachability state(NodeId node) const;
  std::size_t expecting(NodeId node) const;
  /// Of all nodes together.
  std::size_t expecting() const { return expecting_; }

 private:
  struct Peer {
    Reachability state = Reachability::connecting;
    bool listed = true;
    std::size_t expecting = 0;
    TimePoint heard;   ///< When it last proved alive, or was first expected to.
    TimePoint pinged;  ///< When it was last pinged; not later than `heard`: answered since.
  };
  /// When the peer must be pinged, or given up.
  TimePoint due(const Peer& peer) const;
  void schedule(TimePoint at);

  LivenessOptions options_;
  Marks& marks_;
  /// Ordered, because it is iterated to produce output.
  std::map<NodeId, Peer> peers_;
  std::size_t expecting_ = 0;
  /// Not later than the earliest due(). Empty: nothing is.
  std::optional<TimePoint> next_;
};

}  // namespace kith::membership
