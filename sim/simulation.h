// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mark.h"
#include "base/rng.h"
#include "sim/checkers/checker.h"
#include "sim/history.h"
#include "sim/host.h"
#include "sim/network.h"
#include "sim/origin.h"
#include "sim/trace.h"
#include "sim/views.h"
#include "sim/world.h"

namespace kith::sim {

struct SimulationPlan {
  std::size_t nodes = 4;
  std::vector<CachePlan> caches = {CachePlan{}};
  std::vector<KeyPlan> keys;
  LinkQuality quality = {};
  OriginPlan origin = {};
  membership::LivenessOptions liveness = {};
  Duration timer_slack = Duration::zero();
};

/// A user's request to come.
struct GetPlan {
  NodeIndex node = 0;
  std::size_t key = 0;
  Duration timeout = std::chrono::seconds(5);
  /// The user gives up after this long. Empty: never; the request is not withdrawable then.
  std::optional<Duration> withdraw_after = {};
  bool probe = false;
};

/// One simulation: N nodes of the production core on a virtual network, clock and origin, users and
/// checkers, all from one seed. A scenario builds it, plans what is to happen and lets it run; then
/// comes the same end for all: faults stop, and everything must work again. One thread only.
class Simulation final : private Host::Listener, private Origin::Listener {
 public:
  /// `text` receives the readable trace; null: none. `views` and `text` must outlive the
  /// simulation.
  Simulation(std::uint64_t seed, Views& views, std::ostream* text);
  ~Simulation() override;
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// The scenario's own choices.
  Rng& rng() { return rng_; }

  /// Gives the nodes their names, so that there can be views before the rest is built, to choose
  /// keys by. For build, unless done before.
  void name_nodes(std::size_t count);
  /// Makes the nodes, which do not run yet, and the checkers that hold in every simulation.
  void build(SimulationPlan plan);
  /// Adds a checker for the scenario's part of the simulation.
  template <class C, class... Arguments>
  void watch(Arguments&&... arguments) {
    own_checkers_.push_back(std::make_unique<C>(findings_, std::forward<Arguments>(arguments)...));
  }

  // Views.
  /// The view of some nodes, with weights for those that have not 1.
  std::shared_ptr<const placement::View> view_of(
      const std::vector<NodeIndex>& nodes,
      const std::map<NodeIndex, std::uint32_t>& weights = {}) const;
  std::shared_ptr<const placement::View> view_of_all() const;
  /// The node ranked `rank` for a key in a view. Requires that there is one.
  NodeIndex ranked(const placement::View& view, std::string_view key, std::size_t rank) const;
  NodeIndex owner(const placement::View& view, std::string_view key) const {
    return ranked(view, key, 0);
  }

  // What happens now.
  void start(NodeIndex node, std::shared_ptr<const placement::View> view);
  /// Starts every node with the view of all, and lets the connections come up.
  void start_all();
  void set_view(NodeIndex node, std::shared_ptr<const placement::View> view);
  void get(const GetPlan& plan);
  /// The next five do nothing when the node is not in a state for it.
  void kill(NodeIndex node);
  /// Stops a node as planned: drains for `grace`, then stops it, then the process ends.
  void shut_down(NodeIndex node, Duration grace);
  void restart(NodeIndex node);
  void pause(NodeIndex node, Duration length);
  /// Cuts a node off from all others, in one direction or both.
  void isolate(NodeIndex node, Network::Blocked how, bool inward = true, bool outward = true);

  // What happens later. The scenario is not over before.
  void later(Duration wait, World::Task task);
  void get_later(Duration wait, const GetPlan& plan) {
    later(wait, [this, plan] { get(plan); });
  }

  void run_for(Duration span) { world_.run_for(span); }
  /// Runs all that was planned, waits for the requests to end, and finishes the scenario's
  /// checkers.
  void conclude();
  /// Stops all faults and sees that everything works again. The last call of a simulation.
  void finish();

  bool alive(NodeIndex node) const { return hosts_[node]->alive() && !stopping_[node]; }
  bool reachable(NodeIndex from, NodeIndex to) const;
  std::size_t nodes() const { return plan_.nodes; }
  const std::vector<KeyPlan>& keys() const { return plan_.keys; }
  TimePoint now() const { return world_.now(); }
  Network& network() { return *network_; }
  Origin& origin() { return *origin_; }
  Trace& trace() { return trace_; }
  void note(std::string_view text) {
    trace_.record(world_.now(), Trace::kNobody, Happening::note, 0, 0, text);
  }

  const Findings& findings() const { return findings_; }
  const Marks& marks() const { return marks_; }
  const std::deque<Request>& requests() const { return requests_; }
  std::uint64_t steps() const { return world_.steps(); }

 private:
  void on_completed(fetch::Ticket ticket, const Result<fetch::Answer>& result) override;
  std::size_t key_index(CacheId cache, std::string_view key) const override;
  std::optional<NodeIndex> index_of(NodeId node) const override;
  NodeId id_of(NodeIndex node) const override { return ids_[node]; }
  void on_load_started(const Load& load) override;
  void on_load_answered(const Load& load) override;
  void on_load_cancelled(const Load& load) override;

  template <class Call>
  void tell(Call call);
  void withdraw(fetch::Ticket ticket);
  bool quiet() const;
  /// Runs until nothing is under way, or for `most`.
  void run_until_quiet(Duration most);
  std::vector<Remains> remains() const;

  std::uint64_t seed_;
  Views& views_;
  Rng rng_;
  World world_;
  Trace trace_;
  Marks marks_;
  Findings findings_;
  SimulationPlan plan_;
  std::vector<std::string> names_;
  std::vector<NodeId> ids_;
  std::map<NodeId, NodeIndex> indices_;
  std::map<std::pair<CacheId, std::string_view>, std::size_t> key_indices_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Origin> origin_;
  std::vector<std::unique_ptr<Host>> hosts_;
  /// Being shut down: no new requests of users.
  std::vector<bool> stopping_;
  std::vector<TimePoint> paused_until_;
  /// References to them stay valid.
  std::deque<Request> requests_;
  std::size_t open_requests_ = 0;
  TimePoint planned_until_ = {};
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::vector<std::unique_ptr<Checker>> own_checkers_;
};

}  // namespace kith::sim
