// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/key.h"
#include "sim/checkers/deadline_respected.h"
#include "sim/checkers/ends_exactly_once.h"
#include "sim/checkers/nothing_wedged.h"
#include "sim/checkers/values_belong_to_keys.h"
#include "sim/checkers/waiter_isolation.h"

namespace kith::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// More than any deadline, load time-out and redialing of a scenario together.
constexpr Duration kLongest = seconds(30);
/// Long enough for every connection to be dialed again, and for short-lived entries to be over.
constexpr Duration kSettling = seconds(4);

}  // namespace

Simulation::Simulation(std::uint64_t seed, Views& views, std::ostream* text)
    : seed_(seed), views_(views), rng_(mix64(seed)), trace_(text) {}

Simulation::~Simulation() = default;

void Simulation::name_nodes(std::size_t count) {
  for (NodeIndex node = 0; node < count; ++node) {
    names_.push_back("10.0.0." + std::to_string(node + 1) + ":7000");
    ids_.push_back(node_id(names_.back()));
    indices_[ids_.back()] = node;
  }
}

void Simulation::build(SimulationPlan plan) {
  KITH_CHECK(hosts_.empty());
  plan_ = std::move(plan);
  for (std::size_t key = 0; key < plan_.keys.size(); ++key) {
    const KeyPlan& it = plan_.keys[key];
    key_indices_[{cache_id(plan_.caches[it.cache].name), it.bytes}] = key;
  }
  // Every part draws from a sequence of its own, so that a change of one leaves the others alone.
  Host::Listener& users = *this;
  Origin::Listener& accounts = *this;
  network_ = std::make_unique<Network>(plan_.nodes, mix64(seed_ ^ 1), world_, trace_);
  network_->set_quality(plan_.quality);
  origin_ = std::make_unique<Origin>(plan_.keys, mix64(seed_ ^ 2), world_, trace_, accounts);
  origin_->set_plan(plan_.origin);
  if (names_.empty()) name_nodes(plan_.nodes);
  KITH_CHECK(names_.size() == plan_.nodes);
  for (NodeIndex node = 0; node < plan_.nodes; ++node) {
    HostPlan host;
    host.name = names_[node];
    host.caches = plan_.caches;
    host.liveness = plan_.liveness;
    host.timer_slack = plan_.timer_slack;
    host.seed = mix64(seed_ ^ 3);
    hosts_.push_back(
        std::make_unique<Host>(node, host, world_, *network_, *origin_, trace_, marks_, users));
  }
  stopping_.resize(plan_.nodes);
  paused_until_.resize(plan_.nodes);

  checkers_.push_back(std::make_unique<EndsExactlyOnce>(findings_));
  checkers_.push_back(std::make_unique<DeadlineRespected>(findings_, plan_.timer_slack));
  checkers_.push_back(std::make_unique<WaiterIsolation>(findings_));
  checkers_.push_back(std::make_unique<ValuesBelongToKeys>(findings_, plan_.keys));
  checkers_.push_back(std::make_unique<NothingWedged>(findings_));
}

std::shared_ptr<const placement::View> Simulation::view_of(
    const std::vector<NodeIndex>& nodes, const std::map<NodeIndex, std::uint32_t>& weights) const {
  std::vector<placement::Member> members;
  for (const NodeIndex node : nodes) {
    placement::Member member;
    member.name = names_[node];
    const auto weight = weights.find(node);
    if (weight != weights.end()) member.weight = weight->second;
    members.push_back(std::move(member));
  }
  return views_.of(std::move(members));
}

std::shared_ptr<const placement::View> Simulation::view_of_all() const {
  std::vector<NodeIndex> nodes;
  for (NodeIndex node = 0; node < names_.size(); ++node) nodes.push_back(node);
  return view_of(nodes);
}

NodeIndex Simulation::ranked(const placement::View& view, std::string_view key,
                             std::size_t rank) const {
  const auto node = view.ranked(KeyView::of(key).slot(), rank);
  KITH_CHECK(node.has_value());
  return indices_.at(*node);
}

void Simulation::start(NodeIndex node, std::shared_ptr<const placement::View> view) {
  stopping_[node] = false;
  hosts_[node]->start(std::move(view));
}

void Simulation::start_all() {
  const auto view = view_of_all();
  for (NodeIndex node = 0; node < plan_.nodes; ++node) start(node, view);
  run_for(seconds(1));
}

void Simulation::set_view(NodeIndex node, std::shared_ptr<const placement::View> view) {
  if (alive(node)) hosts_[node]->set_view(std::move(view));
}

void Simulation::get(const GetPlan& plan) {
  if (!alive(plan.node)) return;
  hosts_[plan.node]->when_awake([this, plan] {
    Request& request = requests_.emplace_back();
    request.ticket = fetch::Ticket{requests_.size()};
    request.node = plan.node;
    request.key = plan.key;
    request.issued = world_.now();
    request.deadline = world_.now() + plan.timeout;
    request.withdrawable = plan.withdraw_after.has_value();
    request.probe = plan.probe;
    ++open_requests_;
    tell([&](Checker& checker) { checker.on_get(request); });
    hosts_[plan.node]->get(request, plan_.keys[plan.key]);
    if (plan.withdraw_after && !request.ended) {
      later(*plan.withdraw_after, [this, ticket = request.ticket] { withdraw(ticket); });
    }
  });
}

void Simulation::withdraw(fetch::Ticket ticket) {
  const Request& asked = requests_[ticket.value - 1];
  if (asked.ended || asked.lost) return;
  hosts_[asked.node]->when_awake([this, ticket] {
    Request& request = requests_[ticket.value - 1];
    if (request.ended || request.lost) return;
    request.withdrawn = world_.now();
    tell([&](Checker& checker) { checker.on_withdrawn(request); });
    hosts_[request.node]->withdraw(request, plan_.keys[request.key]);
  });
}

void Simulation::kill(NodeIndex node) {
  if (!hosts_[node]->alive()) return;
  for (Request& request : requests_) {
    if (request.node != node || request.ended || request.lost) continue;
    request.lost = true;
    --open_requests_;
  }
  tell([&](Checker& checker) { checker.on_gone(node, world_.now()); });
  hosts_[node]->kill();
}

void Simulation::shut_down(NodeIndex node, Duration grace) {
  if (!alive(node)) return;
  stopping_[node] = true;
  hosts_[node]->drain();
  later(grace, [this, node] {
    if (!hosts_[node]->alive() || !stopping_[node]) return;
    tell([&](Checker& checker) { checker.on_gone(node, world_.now()); });
    hosts_[node]->stop();
    // Its last answers are on their way before the process ends.
    later(milliseconds(20), [this, node] {
      if (stopping_[node]) kill(node);
    });
  });
}

void Simulation::restart(NodeIndex node) {
  if (!hosts_[node]->alive()) start(node, view_of_all());
}

void Simulation::pause(NodeIndex node, Duration length) {
  if (!alive(node) || hosts_[node]->paused()) return;
  hosts_[node]->pause();
  paused_until_[node] = world_.now() + length;
  tell([&](Checker& checker) { checker.on_paused(node, world_.now()); });
  later(length, [this, node, until = paused_until_[node]] {
    // It may have died meanwhile, and been started and paused again.
    if (!hosts_[node]->paused() || paused_until_[node] != until) return;
    tell([&](Checker& checker) { checker.on_resumed(node, world_.now()); });
    hosts_[node]->resume();
  });
}

void Simulation::isolate(NodeIndex node, Network::Blocked how, bool inward, bool outward) {
  for (NodeIndex other = 0; other < plan_.nodes; ++other) {
    if (other == node) continue;
    if (inward) network_->block(other, node, how);
    if (outward) network_->block(node, other, how);
  }
}

void Simulation::later(Duration wait, World::Task task) {
  planned_until_ = std::max(planned_until_, world_.now() + wait);
  world_.after(wait, std::move(task));
}

void Simulation::conclude() {
  while (world_.now() < planned_until_) world_.run_until(planned_until_);
  run_until_quiet(kLongest);
  const auto left = remains();
  for (const auto& checker : own_checkers_) checker->on_finish(left, world_.now());
  own_checkers_.clear();
}

void Simulation::finish() {
  conclude();
  note("faults stop");
  network_->heal();
  network_->set_quality({});
  origin_->become_honest();
  const auto all = view_of_all();
  for (NodeIndex node = 0; node < plan_.nodes; ++node) {
    if (stopping_[node]) kill(node);
    if (!hosts_[node]->alive()) {
      start(node, all);
    } else {
      set_view(node, all);
    }
  }
  run_for(kSettling);
  run_until_quiet(kLongest);

  note("probes");
  for (std::size_t key = 0; key < plan_.keys.size(); ++key) {
    GetPlan probe;
    probe.node = rng_.below(plan_.nodes);
    probe.key = key;
    probe.probe = true;
    get_later(key * milliseconds(2), probe);
  }
  while (world_.now() < planned_until_) world_.run_until(planned_until_);
  run_until_quiet(kLongest);

  const auto left = remains();
  for (const auto& checker : checkers_) checker->on_finish(left, world_.now());
  if (world_.exhausted()) {
    findings_.push_back({"World", world_.now(), "the simulation would not come to an end"});
  }
}

bool Simulation::reachable(NodeIndex from, NodeIndex to) const {
  return alive(from) &&
         hosts_[from]->node().reachability(ids_[to]) != membership::Reachability::unreachable;
}

void Simulation::on_completed(fetch::Ticket ticket, const Result<fetch::Answer>& result) {
  Request& request = requests_[ticket.value - 1];
  std::string detail;
  if (trace_.readable()) {
    detail =
        result ? (result->value ? "value" : "absent") : std::string(to_string(result.error().code));
    if (result && result->stale) detail += " stale";
    if (!result) detail += ": " + result.error().message;
  }
  trace_.record(world_.now(), request.node, Happening::ended, ticket.value,
                result ? 0 : static_cast<std::uint64_t>(result.error().code), detail);
  if (!request.ended && !request.lost) --open_requests_;
  tell([&](Checker& checker) { checker.on_ended(request, result, world_.now()); });
  request.ended = world_.now();
}

std::size_t Simulation::key_index(CacheId cache, std::string_view key) const {
  const auto found = key_indices_.find({cache, key});
  KITH_CHECK(found != key_indices_.end());
  return found->second;
}

std::optional<NodeIndex> Simulation::index_of(NodeId node) const {
  const auto found = indices_.find(node);
  if (found == indices_.end()) return std::nullopt;
  return found->second;
}

void Simulation::on_load_started(const Load& load) {
  tell([&](Checker& checker) { checker.on_load_started(load); });
}

void Simulation::on_load_answered(const Load& load) {
  tell([&](Checker& checker) { checker.on_load_answered(load); });
}

void Simulation::on_load_cancelled(const Load& load) {
  tell([&](Checker& checker) { checker.on_load_cancelled(load); });
}

template <class Call>
void Simulation::tell(Call call) {
  for (const auto& checker : checkers_) call(*checker);
  for (const auto& checker : own_checkers_) call(*checker);
}

bool Simulation::quiet() const {
  if (open_requests_ > 0) return false;
  return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) {
    return !host->alive() || (!host->paused() && host->node().idle());
  });
}

void Simulation::run_until_quiet(Duration most) {
  const TimePoint end = world_.now() + most;
  while (!quiet() && world_.now() < end && !world_.exhausted()) world_.run_for(milliseconds(50));
}

std::vector<Remains> Simulation::remains() const {
  std::vector<Remains> all;
  for (NodeIndex node = 0; node < plan_.nodes; ++node) {
    if (!hosts_[node]->alive()) continue;
    Remains& left = all.emplace_back();
    left.node = node;
    left.idle = hosts_[node]->node().idle();
    for (NodeIndex other = 0; other < plan_.nodes; ++other) {
      if (other == node) continue;
      left.expected += hosts_[node]->node().requests_to(ids_[other]);
      left.unreachable += reachable(node, other) ? 0 : 1;
    }
  }
  return all;
}

}  // namespace kith::sim
