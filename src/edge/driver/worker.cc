// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/worker.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "edge/net/connection.h"
#include "edge/net/in_words.h"

namespace kith::edge {

namespace {

/// Times that a turn looks for new input from this process before it sends what it has.
constexpr int kRoundsPerTurn = 8;
/// A neighbour's memory answers in less; more is a network or a loader.
constexpr Duration kLongestLookOut = std::chrono::microseconds(50);
constexpr std::size_t kFewRequests = 4;
/// Answers waiting to be sent to one caller; it is not read from while there are more.
constexpr std::size_t kMaxUnsentAnswers = 4u << 20;

fetch::Ticket ticket_of(const Call& call) {
  return fetch::Ticket{reinterpret_cast<std::uintptr_t>(&call)};
}

/// clear() for vectors that are used again, unless they are unusually large.
template <class T>
void forget(std::vector<T>& items) {
  constexpr std::size_t kKeptItems = 256;
  items.clear();
  if (items.capacity() > kKeptItems) items.shrink_to_fit();
}

void cancel(Call& call) { call.done(fail(ErrorCode::cancelled, "the node is stopping")); }

}  // namespace

/// A connection by which another node sends requests.
class Worker::Caller final : public Connection::Listener {
 public:
  Caller(Worker& worker, Acceptor::Accepted accepted)
      : worker_(worker),
        name_(std::move(accepted.name)),
        permit_(std::move(accepted.permit)),
        connection_(
            worker.loop_->context(), std::move(accepted.channel),
            {.max_body_bytes = wire::peer::kMaxControlBodyBytes, .pause_bytes = kMaxUnsentAnswers},
            *this, worker.flush_queue_) {}

  void begin(CallerId id, const Identity& self, std::uint16_t version) {
    id_ = id;
    connection_.send(wire::peer::HelloOk{
        .version = version, .slices = self.slices, .boot = self.boot, .name = self.name});
  }
  void send(const wire::peer::Message& message) { connection_.send(message); }
  std::size_t unsent_bytes() const { return connection_.unsent_bytes(); }
  const std::string& name() const { return name_; }

 private:
  std::size_t on_messages(std::span<const wire::peer::Message> messages) override {
    worker_.on_caller_messages(id_, messages);
    return messages.size();
  }
  void on_message(const wire::peer::Message& message) override {
    worker_.on_caller_messages(id_, std::span(&message, 1));
  }
  void on_closed(std::string_view why) override { worker_.on_caller_closed(id_, why); }

  Worker& worker_;
  CallerId id_ = 0;
  const std::string name_;
  const Permit permit_;
  Connection connection_;
};

Worker::Worker(std::unique_ptr<Loop> loop, const Identity& self, std::uint8_t slice,
               std::uint64_t seed, LoadRunner& runner, Log& log, MemoryWatch watch,
               PeerWatch peer_watch)
    : self_(self),
      runner_(runner),
      log_(log),
      memory_watch_(std::move(watch)),
      peer_watch_(std::move(peer_watch)),
      loop_(std::move(loop)),
      core_({.name = self.name, .boot = self.boot, .seed = seed, .slice = slice}, marks_),
      home_{loop_->context(), self_, flush_queue_, slice},
      rng_(mix64(seed)) {}

Worker::~Worker() = default;

// ---- From other threads ----

void Worker::get(const Inbox::Batch& calls) {
  switch (inbox_.push(calls)) {
    case Inbox::Pushed::first:
      // The present turn takes them in when this is the loop's own thread.
      if (!loop_->on_this_thread()) loop_->wake();
      break;
    case Inbox::Pushed::behind:
      break;
    case Inbox::Pushed::refused:
      Inbox::for_each(calls, cancel);
      break;
  }
}

void Worker::withdraw(std::shared_ptr<Call> call) { add_task(Withdrawal{std::move(call)}); }

void Worker::refresh(CacheId cache, Key key) { add_task(Refresh{cache, std::move(key)}); }

void Worker::loaded(fetch::LoadId load, fetch::LoadOutcome outcome) {
  Loaded loaded{load, std::move(outcome), MemoryCharge(loaded_bytes_)};
  if (const auto* value = std::get_if<fetch::LoadedValue>(&loaded.outcome)) {
    loaded.charge.set(value->value.retained_bytes());
  }
  add_task(std::move(loaded));
}

void Worker::add_task(Task task) {
  {
    MutexLock lock(&tasks_mutex_);
    if (tasks_closed_) return;
    tasks_.push_back(std::move(task));
    tasks_waiting_.store(true, std::memory_order_relaxed);
    if (tasks_.size() > 1) return;
  }
  if (!loop_->on_this_thread()) loop_->wake();
}

membership::Reachability Worker::reachability(NodeId node) const {
  MutexLock lock(&reachability_mutex_);
  const auto known = reachability_.find(node);
  return known == reachability_.end() ? membership::Reachability::unreachable : known->second;
}

// ---- The turn ----

void Worker::end_of_turn() {
  for (int round = 0; round < kRoundsPerTurn && take_in(); ++round) {
  }
  // After what came in, so that an answer that is here is not taken for late.
  meet_deadline();
  give_up_overflowed();
  flush_queue_.flush();
  if (!leaving_.empty()) let_go_of_leavers();
  if (std::exchange(loads_changed_, false)) runner_.end_of_turn();
  if (std::exchange(reachability_changed_, false)) publish_reachability();
  publish_memory();
  if (when_idle_ && core_.idle()) std::exchange(when_idle_, nullptr)();

  // From callbacks on this thread, which wake nobody, and more than the rounds took in.
  const bool more = !inbox_.empty() || tasks_waiting_.load(std::memory_order_relaxed) ||
                    !overflowed_.empty() || loads_changed_;
  if (more) loop_->wake();
  loop_->wake_at(core_.next_deadline());
  // While few requests are under way each of them is somebody's whole wait; many come in batches,
  // and the processor has better things to do.
  const std::size_t requests = core_.requests_under_way();
  if (requests > 0 && requests <= kFewRequests) loop_->look_out_for(kLongestLookOut);
  if (finish_by_) end_if_done();
}

bool Worker::take_in() {
  // Tasks are taken first and performed last: a withdrawal finds its call.
  if (tasks_waiting_.load(std::memory_order_relaxed)) {
    MutexLock lock(&tasks_mutex_);
    taken_.swap(tasks_);
    tasks_waiting_.store(false, std::memory_order_relaxed);
  }
  const bool any_call = inbox_.take_all([this](Call& call) { begin(call); });
  const bool any_task = !taken_.empty();
  for (Task& task : taken_) {
    std::visit([this](auto& specific) { this->perform(specific); }, task);
  }
  forget(taken_);
  return any_call || any_task;
}

void Worker::begin(Call& call) {
  feed([&call](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_get({.ticket = ticket_of(call),
                 .cache = call.cache,
                 .key = call.key.view(),
                 .deadline = call.deadline,
                 .withdrawable = call.withdrawable},
                now, out);
  });
}

void Worker::perform(Withdrawal& withdrawal) {
  // A call that was done is unknown to the core, and no other has its address: it is still held.
  const Call& call = *withdrawal.call;
  feed([&call](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_withdraw(call.cache, ticket_of(call), now, out);
  });
}

void Worker::perform(Refresh& refresh) {
  feed([&](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_refresh(refresh.cache, refresh.key.view(), now, out);
  });
}

void Worker::perform(Loaded& loaded) {
  feed([&](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_loaded(loaded.load, std::move(loaded.outcome), now, out);
  });
}

void Worker::meet_deadline() {
  const std::optional<TimePoint> deadline = core_.next_deadline();
  if (!deadline || *deadline > loop_->now()) return;
  feed([](core::Node& core, TimePoint now, fetch::Actions& out) { core.on_deadline(now, out); });
}

void Worker::give_up_overflowed() {
  for (const NodeId node : std::exchange(overflowed_, {})) {
    const auto peer = peers_.find(node);
    if (peer == peers_.end()) continue;
    peer->second->give_up();
    on_peer_down(node);
  }
}

void Worker::let_go_of_leavers() {
  std::erase_if(leaving_, [this](NodeId node) {
    if (core_.requests_to(node) > 0) return false;
    peers_.erase(node);
    return true;
  });
}

void Worker::publish_memory() {
  request_bytes_.store(core_.request_bytes(), std::memory_order_relaxed);
  const std::size_t bytes = request_bytes() + buffer_bytes();
  if (bytes < bytes_known_) bytes_known_ = bytes;
  if (bytes - bytes_known_ < memory_watch_.step) return;
  bytes_known_ = bytes;
  memory_watch_.on_taken();
}

void Worker::publish_reachability() {
  std::map<NodeId, membership::Reachability> next;
  for (const auto& [node, links] : peers_) {
    if (!is_leaving(node)) next.emplace(node, core_.reachability(node));
  }
  MutexLock lock(&reachability_mutex_);
  reachability_.swap(next);
}

// ---- Actions ----

template <class Input>
void Worker::feed(Input&& input) {
  input(core_, loop_->now(), actions_);
  for (fetch::Action& action : actions_) {
    std::visit([this](auto& specific) { this->execute(specific); }, action);
  }
  forget(actions_);
}

void Worker::execute(fetch::Send& send) {
  if (!is_request(send.message)) {
    if (const std::unique_ptr<Caller>* caller = callers_.find(send.to.value)) {
      (*caller)->send(send.message);
    }
    return;
  }
  const auto peer = peers_.find(send.to);
  if (peer == peers_.end()) return;
  if (!peer->second->send(std::move(send))) overflowed_.push_back(peer->first);
}

void Worker::execute(fetch::StartLoad& load) {
  loads_changed_ = true;
  runner_.start(load);
}

void Worker::execute(fetch::CancelLoad& load) {
  loads_changed_ = true;
  runner_.cancel(load);
}

void Worker::execute(fetch::Complete& complete) {
  reinterpret_cast<Call*>(complete.ticket.value)->done(std::move(complete.result));
}

void Worker::execute(fetch::DropLink& drop) {
  const auto peer = peers_.find(drop.node);
  if (peer == peers_.end()) return;
  log_.write(Severity::warning, name_of(drop.node) + " has fallen silent; dialing it again");
  peer->second->redial();
}

void Worker::execute(fetch::PeerChanged& change) {
  reachability_changed_ = true;
  log_.write(Severity::info,
             name_of(change.node) + (change.reachable ? " is reachable" : " is unreachable"));
}

std::string Worker::name_of(NodeId node) const {
  const auto peer = peers_.find(node);
  return peer == peers_.end() ? "a former peer" : peer->second->name();
}

bool Worker::is_leaving(NodeId node) const {
  return std::find(leaving_.begin(), leaving_.end(), node) != leaving_.end();
}

// ---- The other nodes ----

void Worker::install(CacheId cache, std::shared_ptr<const placement::View> view) {
  core_.on_view(cache, std::move(view));
}

void Worker::set_peers(std::span<const PeerAddress> peers) {
  std::vector<NodeId> nodes;
  for (const PeerAddress& peer : peers) nodes.push_back(node_id(peer.name));
  feed([&](core::Node& core, TimePoint now, fetch::Actions&) { core.on_peers(nodes, now); });
  leaving_.clear();
  for (const auto& [node, links] : peers_) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) leaving_.push_back(node);
  }
  PeerLinks::Listener& listener = *this;
  for (const PeerAddress& peer : peers) {
    const NodeId node = node_id(peer.name);
    auto known = peers_.find(node);
    if (known != peers_.end() && known->second->address() != peer.address) {
      // It has moved. What it owes will not come from where it was.
      on_peer_down(node);
      peers_.erase(known);
      known = peers_.end();
    }
    if (known == peers_.end()) {
      peers_.emplace(
          node, std::make_unique<PeerLinks>(home_, peer.name, peer.address, rng_.next(), listener));
      continue;
    }
    // To the core one that was removed and added within a turn is new; its links are not.
    if (core_.reachability(node) != membership::Reachability::connecting) continue;
    if (known->second->up()) on_peer_up(node);
    if (known->second->down()) on_peer_down(node);
  }
  publish_reachability();
}

void Worker::on_rumour(NodeId node) {
  feed([=](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_rumour(node, now, out);
  });
}

void Worker::adopt(Acceptor::Accepted accepted) {
  const std::uint16_t version = accepted.version;
  log_.write(Severity::debug, printable(accepted.name) + " has connected");
  const CallerId id = callers_.insert(std::make_unique<Caller>(*this, std::move(accepted)));
  (*callers_.find(id))->begin(id, self_, version);
}

void Worker::on_peer_up(NodeId node) {
  reachability_changed_ = true;
  feed([=](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_link_up(node, now, out);
  });
}

void Worker::on_peer_down(NodeId node) {
  reachability_changed_ = true;
  feed([=](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_link_down(node, now, out);
  });
}

void Worker::on_peer_trouble(const std::string& name, const Link::Down& down) {
  if (down.was_up) {
    log_.write(Severity::info, "lost the connection to " + name + ": " + down.why);
  } else {
    log_.write_rarely(down.misconfigured ? Severity::warning : Severity::info,
                      self_.name + " cannot connect to " + name + ": " + down.why, loop_->now());
  }
}

void Worker::on_peer_gone(const std::string& name, BootId boot) {
  if (peer_watch_) peer_watch_(name, boot);
}

void Worker::on_peer_message(NodeId node, const wire::peer::Message& message) {
  feed([&](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_message(node, message, now, out);
  });
}

void Worker::on_caller_messages(CallerId caller, std::span<const wire::peer::Message> messages) {
  const auto wrong = std::find_if_not(messages.begin(), messages.end(), is_request);
  const auto right = messages.first(static_cast<std::size_t>(wrong - messages.begin()));
  feed([&](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_messages(NodeId{caller}, right, now, out);
  });
  if (right.size() < messages.size()) on_caller_closed(caller, "it sent what is no request");
}

void Worker::on_caller_closed(CallerId id, std::string_view why) {
  const std::optional<std::unique_ptr<Caller>> caller = callers_.take(id);
  if (!caller) return;
  log_.write(Severity::debug, printable((*caller)->name()) + " has gone: " + std::string(why));
  feed([=](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.on_caller_gone(NodeId{id}, now, out);
  });
}

// ---- Life ----

std::shared_ptr<const fetch::Statistics> Worker::open_cache(
    const std::string& name, const fetch::Options& options, store::Store& store,
    const Tenure& tenure, std::shared_ptr<const placement::View> view) {
  core_.open_cache(name, options, store, tenure, std::move(view));
  return core_.statistics(cache_id(name));
}

void Worker::close_cache(CacheId cache) {
  feed([=](core::Node& core, TimePoint now, fetch::Actions& out) {
    core.close_cache(cache, now, out);
  });
}

void Worker::drain(absl::AnyInvocable<void()> idle) {
  when_idle_ = std::move(idle);
  feed([](core::Node& core, TimePoint now, fetch::Actions& out) { core.on_drain(now, out); });
}

void Worker::finish(TimePoint latest) {
  when_idle_ = nullptr;
  {
    MutexLock lock(&tasks_mutex_);
    tasks_closed_ = true;
    tasks_.clear();
  }
  inbox_.close(cancel);
  feed([](core::Node& core, TimePoint now, fetch::Actions& out) { core.on_stop(now, out); });
  finish_by_ = latest;
}

void Worker::end_if_done() {
  std::size_t unsent = 0;
  callers_.for_each(
      [&](CallerId, const std::unique_ptr<Caller>& caller) { unsent += caller->unsent_bytes(); });
  if (unsent > 0 && loop_->now() < *finish_by_) {
    loop_->wake_at(finish_by_);
    return;
  }
  peers_.clear();
  callers_.for_each([this](CallerId id, std::unique_ptr<Caller>&) { callers_.erase(id); });
  loop_->stop();
}

}  // namespace kith::edge
