// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "core/membership/messages.h"
#include "sim/pool/beliefs.h"
#include "sim/pool/checkers/checker.h"
#include "sim/pool/machine.h"
#include "sim/pool/network.h"
#include "sim/pool/timeline.h"
#include "sim/pool/traffic.h"

namespace kith::sim::pool {

struct PoolOptions {
  Variant variant = Variant::kith;
  std::uint64_t seed = 1;
  bool lifeguard = true;
  /// Whether the hosts own keys of a cache, and are told who else does.
  bool own_keys = false;
};

/// Nodes of the production membership on virtual time: up to thousands of hosts in one thread, with
/// all that may befall them. One seed decides everything. See "Simulated pools" in docs/notes.md.
class Pool final : private Sink {
 public:
  explicit Pool(const PoolOptions& options);
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // ---- Hosts
  /// A further host, with a name and an address of its own; its process is not started.
  HostIndex add();
  /// The process starts, at the host's address or at another, and knows nobody.
  void start(HostIndex host, std::span<const HostIndex> seeds = {});
  void start_at(HostIndex host, const membership::Address& address,
                std::span<const HostIndex> seeds = {});
  /// `count` further hosts whose processes know each other, and are over it.
  void start_known(std::size_t count);
  void join(HostIndex host, std::span<const HostIndex> seeds);
  void change_meta(HostIndex host);
  /// The process dies. Its kernel resets its connections, which the peers that are linked to it
  /// notice at once, and refuses new ones.
  void kill(HostIndex host);
  /// Nothing answers any more, neither the process nor the kernel.
  void vanish(HostIndex host);
  /// Says that it leaves, and ends when it was told that the others know.
  void leave(HostIndex host);
  /// The process stands still. What arrives waits, as much as a socket's buffer holds.
  void pause(HostIndex host);
  void resume(HostIndex host);
  /// The host's monotonic clock goes ahead, as after the suspension of its machine.
  void jump_clock(HostIndex host, Duration by);

  /// Which hosts have a peer link between them; all, unless told otherwise.
  void set_linked(std::function<bool(HostIndex, HostIndex)> linked) { linked_ = std::move(linked); }
  Network& network() { return network_; }

  // ---- Time
  TimePoint now() const { return timeline_.now(); }
  void run_for(Duration span);
  /// False when the condition is still false after `most`. It is looked at after every step.
  bool run_until(const std::function<bool()>& condition, Duration most);
  void after(Duration wait, std::function<void()> act);

  // ---- What became of it
  const Beliefs& beliefs() const { return beliefs_; }
  std::size_t size() const { return hosts_.size(); }
  bool up(HostIndex host) const { return hosts_[host].machine != nullptr; }
  bool paused(HostIndex host) const { return hosts_[host].paused; }
  const std::string& name(HostIndex host) const { return hosts_[host].name; }
  const membership::Address& address(HostIndex host) const { return hosts_[host].address; }
  const Machine& machine(HostIndex host) const { return *hosts_[host].machine; }
  const Traffic& traffic() const { return traffic_; }
  const Traffic& traffic(HostIndex host) const { return hosts_[host].traffic; }
  std::size_t conflicts() const { return conflicts_; }
  /// Views that the host had to build, and the moment of the last.
  std::size_t views(HostIndex host) const { return hosts_[host].views; }
  std::uint64_t trace() const { return trace_; }
  std::uint64_t steps() const { return steps_; }
  Rng& rng() { return rng_; }
  /// Tells it what happens from now on. It must outlive the pool's runs.
  void watch(Checker& checker) { checkers_.push_back(&checker); }

 private:
  enum class Kind : std::uint8_t {
    wake,
    packet,
    caller,    ///< A request on a stream is with its server.
    answer,    ///< ... and the reply with the caller.
    failed,    ///< The other side refused or closed.
    deadline,  ///< Of a stream.
    input,
    act,
  };
  struct Record {
    Kind kind;
    std::uint32_t index = 0;
    /// Of a slot that may mean something else by now.
    std::uint64_t stamp = 0;
  };
  struct Packet {
    HostIndex to;
    std::uint64_t process;
    membership::Address source;
    std::vector<membership::Message> messages;
  };
  struct Stream {
    HostIndex caller;
    std::uint64_t caller_process;
    membership::StreamId id;
    HostIndex server;
    std::uint64_t server_process;
    membership::StreamMessage message;
  };
  struct Input {
    HostIndex host;
    std::uint64_t process;
    std::function<void(Machine&)> give;
  };
  struct Host {
    std::string name;
    membership::Address address;
    /// All that it ever had; the index is its place.
    std::vector<membership::Address> addresses;
    std::unique_ptr<Machine> machine;
    BootId boot = {};
    bool kernel = false;
    bool paused = false;
    bool leaving = false;
    std::uint64_t process = 0;
    Duration clock_ahead = {};
    std::optional<TimePoint> wake;
    std::uint64_t wake_stamp = 0;
    std::vector<Record> waiting;
    std::uint32_t highest_incarnation = 0;
    std::size_t views = 0;
    Traffic traffic;
  };
  /// Slots for what is on its way.
  template <class Item>
  class Slots {
   public:
    std::pair<std::uint32_t, std::uint64_t> put(Item item) {
      if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(items_.size()));
        items_.emplace_back();
      }
      const std::uint32_t index = free_.back();
      free_.pop_back();
      items_[index].second.emplace(std::move(item));
      return {index, items_[index].first};
    }
    /// Null: it was taken out.
    Item* find(std::uint32_t index, std::uint64_t stamp) {
      auto& [present, item] = items_[index];
      return present == stamp && item ? &*item : nullptr;
    }
    Item take(std::uint32_t index) {
      auto& [stamp, slot] = items_[index];
      Item item = std::move(*slot);
      slot.reset();
      ++stamp;
      free_.push_back(index);
      return item;
    }

   private:
    std::vector<std::pair<std::uint64_t, std::optional<Item>>> items_;
    std::vector<std::uint32_t> free_;
  };

  void create(HostIndex host);
  void end_process(HostIndex host);
  void fate(HostIndex host, Fate fate);
  void reset_links(HostIndex host);
  TimePoint local(const Host& host) const { return now() + host.clock_ahead; }
  std::optional<HostIndex> host_at(const membership::Address& address) const;

  void step(const Record& record);
  /// Keeps the record for when the host goes on. False: it is not paused.
  bool hold(HostIndex host, const Record& record);
  void on_wake(HostIndex host, std::uint64_t stamp);
  void on_packet(const Record& record);
  void on_caller(const Record& record);
  void on_answer(const Record& record);
  void on_stream_over(const Record& record);
  void on_input(const Record& record);
  /// Feeds the host's machine, at the host's own time.
  template <class How>
  void give(HostIndex host, const How& how);
  void input_after(Duration wait, HostIndex host, std::function<void(Machine&)> input);
  void schedule(HostIndex host);
  void note_incarnation(Host& host);
  void mix(std::uint64_t what);

  // What the machine that is being fed asks for and tells.
  void send(membership::SendPacket& packet) override;
  void open(membership::OpenStream& stream) override;
  void reply(membership::ReplyToCaller& reply) override;
  void refuse(const membership::RefuseCaller& refuse) override;
  void tell(const Told& told) override;
  void conflict(const membership::NameConflict& conflict) override;
  void owners_changed(std::size_t owners) override;
  void leave_ended() override;
  void count_stream(HostIndex host, std::size_t message_bytes, bool begun);

  PoolOptions options_;
  Rng rng_;
  Network network_;
  Timeline<Record> timeline_;
  std::vector<Host> hosts_;
  absl::flat_hash_map<std::string, HostIndex> by_name_;
  /// Who has the address: the last one that started there.
  absl::flat_hash_map<std::string, HostIndex> by_address_;
  Beliefs beliefs_;
  Slots<Packet> packets_;
  Slots<Stream> streams_;
  Slots<Input> inputs_;
  Slots<std::function<void()>> acts_;
  std::function<bool(HostIndex, HostIndex)> linked_;
  std::vector<Checker*> checkers_;
  /// Whose machine is being fed.
  HostIndex current_ = 0;
  std::uint64_t boots_ = 0;
  Traffic traffic_;
  std::size_t conflicts_ = 0;
  std::uint64_t trace_ = 0;
  std::uint64_t steps_ = 0;
};

/// Another address than any host has by itself, for those who move.
membership::Address spare_address(std::size_t number);

}  // namespace kith::sim::pool
