// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mark.h"
#include "base/rng.h"
#include "core/node/node.h"
#include "sim/history.h"
#include "sim/network.h"
#include "sim/origin.h"
#include "sim/trace.h"
#include "sim/world.h"
#include "store/store.h"

namespace kith::sim {

struct CachePlan {
  std::string name = "cache";
  fetch::Options options = {};
  std::uint64_t memory_bytes = std::uint64_t{8} << 20;
};

struct HostPlan {
  std::string name;
  std::span<const CachePlan> caches;
  membership::LivenessOptions liveness = {};
  /// Timers fire up to this much late.
  Duration timer_slack = Duration::zero();
  std::uint64_t seed = 0;
};

/// One virtual process: the production core and stores, and in the place of the real driver one
/// that speaks to the virtual network, clock and origin. Survives its process: it can be killed and
/// started anew. One thread only.
class Host final : private Network::Endpoint {
 public:
  /// What the host tells of what it does.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_completed(fetch::Ticket ticket, const Result<fetch::Answer>& result) = 0;
    virtual std::size_t key_index(CacheId cache, std::string_view key) const = 0;
    /// The place of a node. Empty: no such node.
    virtual std::optional<NodeIndex> index_of(NodeId node) const = 0;
    virtual NodeId id_of(NodeIndex node) const = 0;
  };

  Host(NodeIndex index, const HostPlan& plan, World& world, Network& network, Origin& origin,
       Trace& trace, Marks& marks, Listener& listener);

  /// Starts a process with empty memory. `view` becomes its own.
  void start(std::shared_ptr<const placement::View> view);
  /// The process is gone from one moment to the next.
  void kill();
  /// The process stands still: what arrives waits, timers fire late.
  void pause();
  void resume();
  /// The two steps of a planned stop; then kill.
  void drain();
  void stop();

  bool alive() const { return process_ != nullptr; }
  bool paused() const { return paused_; }
  /// Requires alive().
  const core::Node& node() const { return process_->node; }

  void set_view(std::shared_ptr<const placement::View> view);
  /// A user's get, with the key and the deadline of the request.
  void get(const Request& request, const KeyPlan& key);
  void withdraw(const Request& request, const KeyPlan& key);
  /// Runs the task now, or when the pause ends. Dropped when the process dies first.
  void when_awake(World::Task task) override;

 private:
  struct Process {
    Process(core::NodeOptions options, Marks& marks) : node(std::move(options), marks) {}
    Tenure tenure;
    std::vector<std::unique_ptr<store::Store>> stores;
    core::Node node;
  };

  void on_frame(NodeIndex from, const std::string& frame) override;
  void on_link_up(NodeIndex to) override;
  void on_link_down(NodeIndex to) override;
  void on_caller_gone(NodeIndex from) override;

  /// Feeds the core one input and executes what it asks for.
  template <class Input>
  void turn(Input&& input);
  void execute(fetch::Action& action);
  void send(const fetch::Send& send);
  void load(const fetch::StartLoad& start);
  void arm();
  void on_timer();
  void redial_later(NodeIndex to);
  void close_unneeded();
  std::string describe(const wire::peer::Message& message) const;

  NodeIndex index_;
  HostPlan plan_;
  World& world_;
  Network& network_;
  Origin& origin_;
  Trace& trace_;
  Marks& marks_;
  Listener& listener_;
  Rng rng_;

  std::unique_ptr<Process> process_;
  std::uint64_t starts_ = 0;
  bool paused_ = false;
  std::deque<World::Task> inbox_;
  std::set<NodeIndex> wanted_;
  std::vector<int> failed_dials_;
  /// The deadline that the timer is set for, and the timer's number. Empty: none is set.
  std::optional<TimePoint> armed_;
  std::uint64_t timers_ = 0;
  /// Inputs of the core at the present moment by its own timer alone, to notice one that spins.
  TimePoint spinning_since_ = {};
  std::uint64_t spins_ = 0;
  fetch::Actions actions_;
  bool in_turn_ = false;
};

}  // namespace kith::sim
