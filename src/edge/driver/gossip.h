// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/countdown.h"
#include "core/membership/actions.h"
#include "core/membership/members.h"
#include "core/membership/membership.h"
#include "edge/driver/gossip_host.h"
#include "wire/gossip/keyring.h"

namespace kith::edge {

/// The membership that a machine is, or has.
template <class Machine>
const membership::Membership& membership_of(const Machine& machine) {
  if constexpr (std::is_convertible_v<const Machine&, const membership::Membership&>) {
    return machine;
  } else {
    return machine.membership();
  }
}

/// Drives one member of a gossip pool in the real world: membership::Membership, or a machine that
/// has one, its inputs from the others' side, and its actions for sockets among its own. Those are
/// executed; all others are for on_event. Calls are thread-safe but where said; their effects come
/// a little later. A call that has no meaning for a machine does not compile.
template <class Machine, class Actions = membership::Actions>
class GossipDriver final : private GossipHost::Guest {
 public:
  using Action = typename Actions::value_type;

  struct Options {
    GossipHost::Options host;
    /// Hears what the machine tells. On the gossip's own thread, on which pings are answered: must
    /// be quick. May call what does not wait; may read the machine during the call.
    std::function<void(const Machine& machine, const Action& action)> on_event = {};
  };
  enum class Via { packet, stream };
  using Ended = absl::AnyInvocable<void()>;
  using Joined = absl::AnyInvocable<void(std::size_t reached)>;

  /// Listens, makes the machine by make(address, packet_overhead, now) -> unique_ptr<Machine>, and
  /// starts. Errors: those of GossipHost::open.
  template <class Make>
  static Result<std::unique_ptr<GossipDriver>> start(Options options, Make make) {
    auto host = GossipHost::open(std::move(options.host));
    if (!host) return tl::unexpected(host.error());
    auto machine = make((*host)->address(), (*host)->packet_overhead(), GossipHost::now());
    std::unique_ptr<GossipDriver> driver(
        new GossipDriver(*std::move(host), std::move(machine), std::move(options.on_event)));
    driver->host_->start(*driver);
    return driver;
  }
  ~GossipDriver() override { stop(); }
  GossipDriver(const GossipDriver&) = delete;
  GossipDriver& operator=(const GossipDriver&) = delete;

  /// Where others reach this node.
  const membership::Address& address() const { return host_->address(); }

  /// Exchanges everything with each address, once. `done` hears how many took part, on the gossip's
  /// thread; it is not called when the driver stops before.
  void join(std::vector<membership::Address> addresses, Joined done) {
    post([this, addresses = std::move(addresses), done = std::move(done)](
             Machine& machine, TimePoint now, Actions& out) mutable {
      joins_.emplace(machine.join(addresses, now, out), std::move(done));
    });
  }
  /// Tells the others that this node leaves. `done` is called when they were told, or after
  /// `patience`; not when the driver stops before. The node answers until stop().
  void leave(Duration patience, Ended done) {
    post([this, patience, done = std::move(done)](Machine& machine, TimePoint now,
                                                  Actions& out) mutable {
      if (left_) return done();
      leaves_.push_back(std::move(done));
      machine.leave(now, patience, out);
    });
  }
  /// What is attached to this node. Waits. Errors: invalid_argument (too long), and those of ask().
  Result<void> set_meta(std::string meta) {
    return flat(ask(
        [&](Machine& machine, TimePoint, Actions&) { return machine.set_meta(std::move(meta)); }));
  }
  /// What goes with every exchange of everything.
  void set_user_state(std::string state) {
    post([state = std::move(state)](Machine& machine, TimePoint, Actions&) mutable {
      machine.set_user_state(std::move(state));
    });
  }
  /// Spreads bytes to all members, each a few times, some perhaps not at all. Waits. Errors:
  /// too_large, and those of ask().
  Result<void> spread(std::string payload) {
    return flat(ask(
        [&](Machine& machine, TimePoint, Actions&) { return machine.spread(std::move(payload)); }));
  }
  /// Sends bytes to one member, in a packet that may be lost, or over a stream. Waits. Errors:
  /// not_found, too_large (for a packet), and those of ask().
  Result<void> tell(std::string_view name, std::string payload, Via via) {
    return flat(ask([&](Machine& machine, TimePoint, Actions&) -> Result<void> {
      const membership::Member* member = membership_of(machine).members().find(name);
      if (member == nullptr) return fail(ErrorCode::not_found, "no member has this name");
      return tell_member(*member, std::move(payload), via);
    }));
  }

  /// Everybody this node knows, itself and the dead included, by name. Waits. Errors: those of
  /// ask().
  Result<std::vector<membership::NodeState>> members() {
    return ask([](Machine& machine, TimePoint, Actions&) {
      std::vector<membership::NodeState> all;
      membership_of(machine).members().for_each([&](const membership::Member& member) {
        all.push_back({member.name, member.address.ip, member.address.port, member.meta,
                       member.incarnation, member.state, member.versions});
      });
      std::ranges::sort(all, {}, &membership::NodeState::name);
      return all;
    });
  }

  // The keys of an encrypted pool: see gossip::Transport. These wait. Errors also those of ask().
  Result<void> add_key(const wire::gossip::Key& key) {
    return flat(
        ask([&](Machine&, TimePoint, Actions&) { return host_->transport().add_key(key); }));
  }
  Result<void> use_key(const wire::gossip::Key& key) {
    return flat(
        ask([&](Machine&, TimePoint, Actions&) { return host_->transport().use_key(key); }));
  }
  Result<void> remove_key(const wire::gossip::Key& key) {
    return flat(
        ask([&](Machine&, TimePoint, Actions&) { return host_->transport().remove_key(key); }));
  }

  /// Runs fn(machine, now, actions) on the gossip's thread, if that does not stop before.
  template <class Fn>
  void post(Fn fn) {
    static_cast<void>(
        host_->post([this, fn = std::move(fn)](TimePoint now) mutable { feed(fn, now); }));
  }
  /// The same, and waits for what `fn` returns, which must not be void. Errors: cancelled (the
  /// driver stops or stopped), failed_precondition (from the gossip's own thread, which must not
  /// wait for itself).
  template <class Fn>
  auto ask(Fn fn) -> Result<std::invoke_result_t<Fn&, Machine&, TimePoint, Actions&>> {
    if (host_->on_loop_thread()) {
      return fail(ErrorCode::failed_precondition, "gossip's own thread must not wait for itself");
    }
    std::optional<std::invoke_result_t<Fn&, Machine&, TimePoint, Actions&>> answer;
    Countdown answered(1);
    const bool posted = host_->post([&](TimePoint now) {
      feed([&](Machine& machine, TimePoint at,
               Actions& out) { answer.emplace(fn(machine, at, out)); },
           now);
      answered.count_down();
    });
    if (!posted) return fail(ErrorCode::cancelled, "the gossip is stopping");
    answered.wait();
    return *std::move(answer);
  }

  /// Closes everything at once, without a word to the others: leave() before. Idempotent. Not from
  /// the gossip's thread.
  void stop() { host_->stop(); }

 private:
  GossipDriver(std::unique_ptr<GossipHost> host, std::unique_ptr<Machine> machine,
               decltype(Options::on_event) on_event)
      : host_(std::move(host)), machine_(std::move(machine)), on_event_(std::move(on_event)) {}

  static Result<void> flat(Result<Result<void>> nested) {
    if (!nested) return tl::unexpected(nested.error());
    return *std::move(nested);
  }

  Result<void> tell_member(const membership::Member& member, std::string payload, Via via) {
    if (via == Via::stream) {
      host_->send_on_stream(member.address, std::move(payload), kTellPatience);
      return {};
    }
    if (payload.size() > kMaxToldInPacket) {
      return fail(ErrorCode::too_large, "the message is larger than a packet");
    }
    host_->execute(membership::SendPacket{
        member.address, {membership::User{std::move(payload)}}, member.versions[1] >= 5});
    return {};
  }

  /// Gives the machine an input and executes what it answers. Never from within itself: what the
  /// actions cause comes back later.
  template <class Input>
  void feed(Input&& input, TimePoint now) {
    input(*machine_, now, actions_);
    for (Action& action : actions_) {
      std::visit([&](auto& specific) { perform(action, specific); }, action);
    }
    actions_.clear();
  }
  template <class Specific>
  void perform(const Action& action, const Specific& specific) {
    if constexpr (requires { host_->execute(specific); }) {
      host_->execute(specific);
    } else {
      if constexpr (requires { host_->report(specific); }) host_->report(specific);
      if (on_event_) on_event_(*machine_, action);
      finish(specific);
    }
  }
  void finish(const membership::JoinEnded& ended) {
    auto join = joins_.extract(ended.join);
    if (!join.empty() && join.mapped()) join.mapped()(ended.reached);
  }
  void finish(const membership::LeaveEnded&) {
    left_ = true;
    for (Ended& done : std::exchange(leaves_, {})) done();
  }
  template <class Other>
  void finish(const Other&) {}

  void on_packet(const membership::Address& source, std::span<const membership::Message> messages,
                 TimePoint now) override {
    feed([&](Machine& machine, TimePoint at,
             Actions& out) { machine.on_packet(source, messages, at, out); },
         now);
  }
  void on_caller(membership::CallerId caller, const membership::StreamMessage& request,
                 TimePoint now) override {
    feed([&](Machine& machine, TimePoint at,
             Actions& out) { machine.on_caller(caller, request, at, out); },
         now);
  }
  void on_stream_reply(membership::StreamId stream, const membership::StreamMessage& reply,
                       TimePoint now) override {
    feed([&](Machine& machine, TimePoint at,
             Actions& out) { machine.on_stream_reply(stream, reply, at, out); },
         now);
  }
  void on_stream_failed(membership::StreamId stream, TimePoint now) override {
    feed(
        [&](Machine& machine, TimePoint at, Actions& out) {
          if constexpr (requires { machine.on_stream_failed(stream, at, out); }) {
            machine.on_stream_failed(stream, at, out);
          } else {
            machine.on_stream_failed(stream, out);
          }
        },
        now);
  }
  void on_deadline(TimePoint now) override {
    feed([](Machine& machine, TimePoint at, Actions& out) { machine.on_deadline(at, out); }, now);
  }
  TimePoint next_deadline() const override { return machine_->next_deadline(); }

  static constexpr Duration kTellPatience = std::chrono::seconds(10);
  /// What one datagram holds with every envelope around it.
  static constexpr std::size_t kMaxToldInPacket = 65'000;

  const std::unique_ptr<GossipHost> host_;
  // Of the gossip's thread, while it runs.
  const std::unique_ptr<Machine> machine_;
  const decltype(Options::on_event) on_event_;
  Actions actions_;
  std::map<membership::JoinId, Joined> joins_;
  std::vector<Ended> leaves_;
  bool left_ = false;
};

}  // namespace kith::edge
