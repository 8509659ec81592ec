// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "core/membership/cluster/cluster.h"

// For tests: kith nodes, and plain memberlist ones, of one pool on virtual time. Included by tests
// only.
namespace kith::membership {

inline constexpr CacheId kCache{7};

class TestClusters {
 public:
  struct Happening {
    TimePoint at;
    std::size_t observer;
    PeerEvent event;
  };
  struct Said {
    TimePoint at;
    std::size_t observer;
    Participants participants;
  };
  struct Warned {
    TimePoint at;
    std::size_t observer;
    Warning warning;
  };

  explicit TestClusters(std::uint64_t seed, const Profile& profile = kith_profile());
  ~TestClusters();
  TestClusters(const TestClusters&) = delete;
  TestClusters& operator=(const TestClusters&) = delete;

  /// Starts a node: "n" and its number, ready, with kCache open, unless it is told otherwise.
  std::size_t add(const std::function<void(ClusterOptions&)>& change = {});
  /// One of memberlist alone.
  std::size_t add_plain();
  /// Starts `count` nodes whose only seed is the very first.
  void add_seeded(std::size_t count);
  void seed(std::size_t host, const std::vector<std::size_t>& seeds);
  void seed(std::size_t host, const std::vector<Address>& seeds);

  /// The machine vanishes: nothing answers, nothing is refused.
  void vanish(std::size_t host);
  /// The process ends: connections to its address are refused.
  void kill(std::size_t host);
  /// A new process under the name of `host`, perhaps elsewhere.
  void restart(std::size_t host, const Address& address);
  void pause(std::size_t host);
  void resume(std::size_t host);

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
  void give(std::size_t host, const std::function<void(Cluster&, ClusterActions&)>& how);

  Cluster& node(std::size_t host) { return *hosts_[host].cluster; }
  const std::string& name(std::size_t host) const { return hosts_[host].name; }
  const Address& address(std::size_t host) const { return hosts_[host].address; }
  BootId boot(std::size_t host) const { return hosts_[host].boot; }
  bool up(std::size_t host) const { return hosts_[host].up; }
  std::size_t size() const { return hosts_.size(); }
  /// What is sent to `address` reaches the host.
  void alias(const Address& address, std::size_t host) { by_address_[address] = host; }
  TimePoint now() const { return now_; }
  /// The names of what a host said last of kCache, with blanks between; empty: nothing yet.
  std::string view(std::size_t host) const;
  /// The same of any cache, as the host knows it now.
  std::string names(std::size_t host, CacheId cache) const;
  /// Members that the host takes for living, itself included.
  std::size_t membership_size(std::size_t host) const;
  /// All living kith nodes said last that exactly the living kith nodes own kCache.
  bool one_view() const;
  /// All living nodes believe that exactly the living ones are alive, at their addresses.
  bool agreed() const;

  const std::vector<Happening>& happenings() const { return happenings_; }
  const std::vector<Said>& said() const { return said_; }
  const std::vector<Warned>& warnings() const { return warnings_; }
  std::size_t count(PeerEvent::Kind kind, const std::string& name = "") const;
  std::size_t count(Warning::Kind kind) const;
  void forget();
  std::size_t packets() const { return packets_; }
  std::size_t streams() const { return streams_; }
  std::size_t largest_packet() const { return largest_packet_; }

 private:
  struct Host {
    std::string name;
    Address address;
    BootId boot;
    std::unique_ptr<Cluster> cluster;
    std::unique_ptr<Membership> plain;
    bool up = false;
    /// Its machine is there, though the process may not be.
    bool machine = true;
    bool paused = false;
    TimePoint wake;
    std::uint64_t process = 0;
    std::vector<std::function<void()>> waiting;
    std::optional<Participants> last;

    const Members& members() const {
      return cluster ? cluster->membership().members() : plain->members();
    }
  };
  struct Task {
    TimePoint at;
    std::uint64_t order;
    std::function<void()> run;
  };
  /// What happens to a node, be it of either kind.
  struct Input {
    std::function<void(Cluster&, ClusterActions&)> cluster;
    std::function<void(Membership&, Actions&)> plain;
  };
  struct Caller {
    std::size_t host;
    std::uint64_t process;
    StreamId stream;
  };

  void start(std::size_t host, const std::function<void(ClusterOptions&)>& change);
  void after(Duration wait, std::function<void()> task);
  void input(std::size_t host, std::uint64_t process, Input input);
  void give(std::size_t host, const Input& input);
  void schedule(std::size_t host);
  std::optional<std::size_t> host_at(const Address& address) const;
  bool blocked(std::size_t from, std::size_t to) const { return blocked_ && blocked_(from, to); }
  Duration latency();

  void execute(std::size_t from, const SendPacket& send);
  void execute(std::size_t from, const OpenStream& open);
  void execute(std::size_t from, const ReplyToCaller& reply);
  void execute(std::size_t from, const RefuseCaller& refuse);
  void execute(std::size_t from, const PeerEvent& event);
  void execute(std::size_t from, const Participants& participants);
  void execute(std::size_t from, const Warning& warning);
  template <class Other>
  void execute(std::size_t, const Other&) {}
  void fail_stream(const Caller& caller, Duration wait);

  Rng rng_;
  Profile profile_;
  TimePoint now_{std::chrono::seconds(1000)};
  std::uint64_t order_ = 0;
  std::uint64_t last_boot_ = 100;
  std::vector<Task> tasks_;
  std::vector<Host> hosts_;
  std::map<Address, std::size_t> by_address_;
  double loss_ = 0;
  std::function<bool(std::size_t, std::size_t)> blocked_;
  std::function<bool(std::size_t, std::size_t)> packets_blocked_;
  std::map<CallerId, Caller> callers_;
  std::uint64_t last_caller_ = 0;

  std::vector<Happening> happenings_;
  std::vector<Said> said_;
  std::vector<Warned> warnings_;
  std::size_t packets_ = 0;
  std::size_t streams_ = 0;
  std::size_t largest_packet_ = 0;
};

}  // namespace kith::membership
