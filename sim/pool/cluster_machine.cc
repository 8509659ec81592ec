// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/cluster_machine.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "core/membership/cluster/cluster.h"

namespace kith::sim::pool {
namespace {

using namespace membership;

/// Members that are recalled at once.
constexpr std::size_t kPart = 32;
/// The buffer of a larger input is given back.
constexpr std::size_t kKeptActions = 64;
constexpr CacheId kCache{1};

Told::Kind told(PeerEvent::Kind kind) {
  switch (kind) {
    case PeerEvent::Kind::joined:
      return Told::Kind::joined;
    case PeerEvent::Kind::updated:
      return Told::Kind::updated;
    case PeerEvent::Kind::suspected:
      return Told::Kind::suspected;
    case PeerEvent::Kind::cleared:
      return Told::Kind::cleared;
    case PeerEvent::Kind::unreachable:
      return Told::Kind::unreachable;
    case PeerEvent::Kind::reachable:
      return Told::Kind::reachable;
    case PeerEvent::Kind::failed:
      return Told::Kind::failed;
    case PeerEvent::Kind::left:
      return Told::Kind::left;
  }
  KITH_CHECK(false);
}

ClusterOptions options_of(const Identity& identity, bool lifeguard) {
  ClusterOptions options;
  options.membership.name = identity.name;
  options.membership.address = identity.address;
  options.membership.seed = identity.seed;
  options.membership.profile = kith_profile();
  if (!lifeguard) {
    options.membership.profile.awareness_max_multiplier = 1;
    options.membership.profile.suspicion_max_timeout_mult = 1;
  }
  options.boot = identity.boot;
  options.data_port = 7400;
  options.phase = Phase::ready;
  return options;
}

class ClusterMachine final : public Machine {
 public:
  ClusterMachine(const Identity& identity, bool lifeguard, TimePoint now)
      : node_(options_of(identity, lifeguard), now) {
    if (!identity.owns_keys) return;
    KITH_CHECK(node_.open_cache(kCache, now, actions_).has_value());
  }

  void recall(std::span<const NodeState> pool, TimePoint now, Sink& sink) override {
    // In parts, because buffers for all at once, in thousands of nodes, would be most of the
    // memory.
    for (; !pool.empty(); pool = pool.subspan(std::min(kPart, pool.size()))) {
      node_.recall(pool.first(std::min(kPart, pool.size())), now, actions_);
      flush(sink);
    }
  }
  void seeds(std::span<const Address> seeds, TimePoint now, Sink& sink) override {
    node_.on_seeds(seeds, now, actions_);
    flush(sink);
  }
  void leave(TimePoint now, Duration patience, Sink& sink) override {
    node_.leave(now, patience, actions_);
    flush(sink);
  }
  void change_meta(TimePoint now, Sink& sink) override {
    const bool ready = node_.own_data().phase == Phase::ready;
    node_.set_phase(ready ? Phase::draining : Phase::ready, now, actions_);
    flush(sink);
  }
  void process_gone(const std::string& name, BootId boot, TimePoint now, Sink& sink) override {
    node_.on_process_gone(name, boot, now, actions_);
    flush(sink);
  }

  void on_packet(const Address& source, std::span<const Message> messages, TimePoint now,
                 Sink& sink) override {
    node_.on_packet(source, messages, now, actions_);
    flush(sink);
  }
  void on_caller(CallerId caller, const StreamMessage& request, TimePoint now,
                 Sink& sink) override {
    node_.on_caller(caller, request, now, actions_);
    flush(sink);
  }
  void on_stream_reply(StreamId stream, const StreamMessage& reply, TimePoint now,
                       Sink& sink) override {
    node_.on_stream_reply(stream, reply, now, actions_);
    flush(sink);
  }
  void on_stream_failed(StreamId stream, TimePoint now, Sink& sink) override {
    node_.on_stream_failed(stream, now, actions_);
    flush(sink);
  }
  void on_deadline(TimePoint now, Sink& sink) override {
    node_.on_deadline(now, actions_);
    flush(sink);
  }
  TimePoint next_deadline() const override { return node_.next_deadline(); }
  const Members& members() const override { return node_.membership().members(); }

 private:
  void flush(Sink& sink) {
    for (ClusterAction& action : actions_) {
      std::visit([&](auto& content) { pass(content, sink); }, action);
    }
    if (actions_.capacity() > kKeptActions) actions_ = {};
    actions_.clear();
  }

  static void pass(SendPacket& packet, Sink& sink) { sink.send(packet); }
  static void pass(OpenStream& stream, Sink& sink) { sink.open(stream); }
  static void pass(ReplyToCaller& reply, Sink& sink) { sink.reply(reply); }
  static void pass(const RefuseCaller& refuse, Sink& sink) { sink.refuse(refuse); }
  static void pass(const PeerEvent& event, Sink& sink) {
    sink.tell({told(event.kind), event.name, event.address});
  }
  static void pass(const Participants& participants, Sink& sink) {
    sink.owners_changed(participants.members.size());
  }
  static void pass(const Warning& warning, Sink& sink) {
    if (warning.kind != Warning::Kind::name_conflict) return;
    sink.conflict({warning.name, warning.address, warning.other});
  }
  static void pass(const LeaveEnded&, Sink& sink) { sink.leave_ended(); }

  Cluster node_;
  ClusterActions actions_;
};

}  // namespace

std::unique_ptr<Machine> make_cluster_machine(const Identity& identity, bool lifeguard,
                                              TimePoint now) {
  return std::make_unique<ClusterMachine>(identity, lifeguard, now);
}

}  // namespace kith::sim::pool
