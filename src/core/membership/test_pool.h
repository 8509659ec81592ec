// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "core/membership/membership.h"

// For tests: nodes of one pool on virtual time, with a network that delays, loses and divides.
// Included by tests only.
namespace kith::membership {

class TestPool {
 public:
  /// What one node told its user.
  struct Happening {
    TimePoint at;
    std::size_t observer;
    MemberEvent event;
  };
  struct Conflict {
    std::size_t observer;
    NameConflict conflict;
  };

  explicit TestPool(std::uint64_t seed, const Profile& profile = lan_profile());
  ~TestPool();
  TestPool(const TestPool&) = delete;
  TestPool& operator=(const TestPool&) = delete;

  /// Starts a node: "n" and its number, at an address of its own, unless it is told otherwise.
  std::size_t add(const std::function<void(Options&)>& change = {});
  /// Starts `count` nodes at once; all but the very first join that one.
  void add_joined(std::size_t count);
  void join(std::size_t host, std::size_t seed) { join(host, address(seed)); }
  void join(std::size_t host, const Address& seed);
  void leave(std::size_t host);
  /// The process ends without a word; packets to it vanish.
  void crash(std::size_t host);
  /// A new process under the name of `host`.
  void restart(std::size_t host, const Address& address);
  /// The process stands still. What arrives waits.
  void pause(std::size_t host);
  /// It reads all that waited, then looks at the clock.
  void resume(std::size_t host);

  /// Of packets, each. Streams lose nothing.
  void set_loss(double probability) { loss_ = probability; }
  /// Whether nothing gets from one host to another.
  void set_blocked(std::function<bool(std::size_t from, std::size_t to)> blocked) {
    blocked_ = std::move(blocked);
  }
  /// The same for packets alone.
  void set_packets_blocked(std::function<bool(std::size_t from, std::size_t to)> blocked) {
    packets_blocked_ = std::move(blocked);
  }

  void run_for(Duration span);
  /// False when the condition is still false after `most`. Looked at each 10 ms.
  bool run_until(const std::function<bool()>& condition, Duration most);

  Membership& node(std::size_t host) { return *hosts_[host].node; }
  const Address& address(std::size_t host) const { return hosts_[host].address; }
  /// What `observer` believes; empty: it does not know the name.
  std::optional<State> seen(std::size_t observer, std::size_t subject) const;
  /// Each living host believes that exactly the living ones are alive, and where.
  bool agreed() const { return disagreements() == 0; }
  /// Pairs of living hosts of which the first does not believe so of the second, and hosts that
  /// believe in others besides.
  std::size_t disagreements() const;
  const std::vector<Happening>& happenings() const { return happenings_; }
  const std::vector<Conflict>& conflicts() const { return conflicts_; }
  std::size_t count(MemberEvent::Kind kind) const;
  void forget_happenings() { happenings_.clear(); }
  std::size_t joins_failed() const { return joins_failed_; }
  std::size_t left() const { return left_; }
  std::size_t packets() const { return packets_; }
  TimePoint now() const { return now_; }
  /// A hash of all that went over the network, and when.
  std::uint64_t trace() const { return trace_; }

 private:
  struct Host {
    std::string name;
    Address address;
    std::unique_ptr<Membership> node;
    bool up = false;
    bool paused = false;
    TimePoint wake;
    std::uint64_t process = 0;
    std::vector<std::function<void()>> waiting;
  };
  struct Task {
    TimePoint at;
    std::uint64_t order;
    std::function<void()> run;
  };

  void start(std::size_t host, const std::function<void(Options&)>& change);
  void after(Duration wait, std::function<void()> task);
  /// An input of a host: given to it now, or when it goes on, unless its process is another then.
  void input(std::size_t host, std::uint64_t process,
             std::function<void(Membership&, Actions&)> give);
  void give(std::size_t host, const std::function<void(Membership&, Actions&)>& give);
  void schedule(std::size_t host);
  std::optional<std::size_t> host_at(const Address& address) const;
  bool blocked(std::size_t from, std::size_t to) const { return blocked_ && blocked_(from, to); }
  Duration latency();
  void record(std::uint64_t what);

  // Actions, one each.
  void execute(std::size_t from, const SendPacket& send);
  void execute(std::size_t from, const OpenStream& open);
  void execute(std::size_t from, const ReplyToCaller& reply);
  void execute(std::size_t from, const RefuseCaller& refuse);
  void execute(std::size_t from, const MemberEvent& event);
  void execute(std::size_t from, const NameConflict& conflict);
  void execute(std::size_t from, const JoinEnded& ended);
  void execute(std::size_t from, const LeaveEnded& ended);
  template <class Other>
  void execute(std::size_t, const Other&) {}

  Rng rng_;
  Profile profile_;
  TimePoint now_{std::chrono::seconds(1000)};
  std::uint64_t order_ = 0;
  std::vector<Task> tasks_;
  std::vector<Host> hosts_;
  double loss_ = 0;
  std::function<bool(std::size_t, std::size_t)> blocked_;
  std::function<bool(std::size_t, std::size_t)> packets_blocked_;
  /// Who waits for the answer to an open request.
  struct Caller {
    std::size_t host;
    std::uint64_t process;
    StreamId stream;
  };
  std::map<CallerId, Caller> callers_;
  std::uint64_t last_caller_ = 0;

  std::vector<Happening> happenings_;
  std::vector<Conflict> conflicts_;
  std::size_t joins_failed_ = 0;
  std::size_t left_ = 0;
  std::size_t packets_ = 0;
  std::uint64_t trace_ = 0;
};

}  // namespace kith::membership
