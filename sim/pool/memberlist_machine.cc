// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/memberlist_machine.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "core/membership/membership.h"

namespace kith::sim::pool {
namespace {

using namespace membership;

Told::Kind told(MemberEvent::Kind kind) {
  switch (kind) {
    case MemberEvent::Kind::joined:
      return Told::Kind::joined;
    case MemberEvent::Kind::updated:
      return Told::Kind::updated;
    case MemberEvent::Kind::suspected:
      return Told::Kind::suspected;
    case MemberEvent::Kind::cleared:
      return Told::Kind::cleared;
    case MemberEvent::Kind::failed:
      return Told::Kind::failed;
    case MemberEvent::Kind::left:
      return Told::Kind::left;
  }
  KITH_CHECK(false);
}

/// Members that are recalled at once.
constexpr std::size_t kPart = 32;
/// The buffer of a larger input is given back.
constexpr std::size_t kKeptActions = 64;

class MemberlistMachine final : public Machine {
 public:
  MemberlistMachine(const Options& options, TimePoint now) : node_(options, now) {}

  void recall(std::span<const NodeState> pool, TimePoint now, Sink& sink) override {
    // In parts, because buffers for all at once, in thousands of nodes, would be most of the
    // memory.
    for (; !pool.empty(); pool = pool.subspan(std::min(kPart, pool.size()))) {
      node_.recall(pool.first(std::min(kPart, pool.size())), now, actions_);
      flush(sink);
    }
  }
  void seeds(std::span<const Address> seeds, TimePoint now, Sink& sink) override {
    node_.join(seeds, now, actions_);
    flush(sink);
  }
  void leave(TimePoint now, Duration patience, Sink& sink) override {
    node_.leave(now, patience, actions_);
    flush(sink);
  }
  void change_meta(TimePoint, Sink& sink) override {
    KITH_CHECK(node_.set_meta("changed " + std::to_string(++changes_)).has_value());
    flush(sink);
  }
  void process_gone(const std::string&, BootId, TimePoint, Sink&) override {}

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
  void on_stream_failed(StreamId stream, TimePoint, Sink& sink) override {
    node_.on_stream_failed(stream, actions_);
    flush(sink);
  }
  void on_deadline(TimePoint now, Sink& sink) override {
    node_.on_deadline(now, actions_);
    flush(sink);
  }
  TimePoint next_deadline() const override { return node_.next_deadline(); }
  const Members& members() const override { return node_.members(); }

 private:
  void flush(Sink& sink) {
    for (Action& action : actions_) {
      std::visit([&](auto& content) { pass(content, sink); }, action);
    }
    if (actions_.capacity() > kKeptActions) actions_ = {};
    actions_.clear();
  }

  static void pass(SendPacket& packet, Sink& sink) { sink.send(packet); }
  static void pass(OpenStream& stream, Sink& sink) { sink.open(stream); }
  static void pass(ReplyToCaller& reply, Sink& sink) { sink.reply(reply); }
  static void pass(const RefuseCaller& refuse, Sink& sink) { sink.refuse(refuse); }
  static void pass(const MemberEvent& event, Sink& sink) {
    sink.tell({told(event.kind), event.name, event.address});
  }
  static void pass(const NameConflict& conflict, Sink& sink) { sink.conflict(conflict); }
  static void pass(const LeaveEnded&, Sink& sink) { sink.leave_ended(); }
  template <class Other>
  static void pass(const Other&, Sink&) {}

  Membership node_;
  Actions actions_;
  std::uint64_t changes_ = 0;
};

}  // namespace

membership::Options memberlist_options(const Identity& identity, bool lifeguard) {
  Options options;
  options.name = identity.name;
  options.address = identity.address;
  options.seed = identity.seed;
  options.profile = lan_profile();
  options.verify_moves = false;
  options.corrections = false;
  options.nacks_in_time = false;
  options.own_stall = Duration::max();
  if (!lifeguard) {
    options.profile.awareness_max_multiplier = 1;
    options.profile.suspicion_max_timeout_mult = 1;
  }
  return options;
}

std::unique_ptr<Machine> make_memberlist_machine(const membership::Options& options,
                                                 TimePoint now) {
  return std::make_unique<MemberlistMachine>(options, now);
}

}  // namespace kith::sim::pool
