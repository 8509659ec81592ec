// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/driver.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "base/check.h"
#include "base/countdown.h"
#include "base/mutex.h"
#include "edge/driver/inbox.h"
#include "edge/driver/log.h"
#include "edge/driver/quiet_thread.h"
#include "edge/driver/slices.h"
#include "edge/driver/worker.h"
#include "edge/loop/clock.h"
#include "edge/net/acceptor.h"
#include "edge/net/address.h"

namespace kith::edge {

namespace {

/// How long the last answers may take to be sent when the node stops.
constexpr Duration kLastWords = std::chrono::milliseconds(100);
/// Loop numbers fit the byte that the core's ids have for them.
constexpr int kMaxLoops = 256;
/// The address, and so the name, of a node that nobody can reach.
constexpr std::string_view kUnreachableName = "local:0";

class LoopDriver final : public Driver, private Acceptor::Listener {
 public:
  /// `loops` are as many as the options say; `acceptor`, if any, lives on the first.
  LoopDriver(const DriverOptions& options, std::string name, std::string address,
             std::vector<std::unique_ptr<Loop>> loops, std::unique_ptr<Acceptor> acceptor,
             LoadRunner& runner);
  ~LoopDriver() override { stop(Duration::zero()); }

  const std::string& name() const override { return self_.name; }
  const std::string& address() const override { return address_; }
  bool on_loop_thread() const override;
  void get(Call& call) override;
  void get_many(std::span<Call* const> calls) override;
  void withdraw(std::shared_ptr<Call> call) override;
  void refresh(CacheId cache, Key key) override;
  void loaded(fetch::LoadId load, fetch::LoadOutcome outcome) override;
  Statistics open_cache(std::string name, const fetch::Options& options, store::Store& store,
                        Tenure& tenure, std::vector<placement::Member> members) override;
  void close_cache(CacheId cache) override;
  void set_members(CacheId cache, std::vector<placement::Member> members) override;
  std::shared_ptr<const placement::View> view(CacheId cache) const override;
  void set_peers(std::vector<PeerAddress> peers) override;
  void on_rumour(NodeId node) override;
  membership::Reachability reachability(NodeId node) const override;
  Memory memory() const override;
  void stop(Duration grace) override;

 private:
  using ViewPointer = std::shared_ptr<const placement::View>;
  struct OpenCache {
    Tenure& tenure;
    ViewPointer view;
  };

  void on_accepted(Acceptor::Accepted accepted) override;
  void on_refused(std::string_view who, std::string_view why) override;

  std::size_t slice_of_key(const Key& key) const {
    return slice_of(slot_of(key.hash), self_.slices);
  }
  /// Runs fn(Worker&) on each loop and waits for all.
  template <class Fn>
  void on_each_loop(Fn fn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_);
  /// The view of the members, which caches share that have the same.
  ViewPointer view_of(std::vector<placement::Member> members) const;
  void change_tenure(Tenure& tenure, const placement::View& view) const;
  void drain(Duration grace) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_);

  Log log_;
  const Identity self_;
  const TimePoint started_ = clock_now();
  const std::string address_;
  /// Whoever sees it need not try: the loops have the last word, see Worker::finish.
  std::atomic<bool> stopping_{false};
  /// One for each loop, in the order of slices.
  std::vector<std::unique_ptr<Worker>> workers_;
  /// Lives on the first loop, and is its thread's while that runs. Null: accepting nobody any more.
  std::unique_ptr<Acceptor> acceptor_;

  /// Held by what waits for the loops.
  Mutex control_;
  /// Empty: stopped.
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(control_);
  bool accepting_ ABSL_GUARDED_BY(control_) = false;
  /// After control_. Tenures are changed with control_ held, before the loops hear of the view.
  mutable Mutex caches_mutex_;
  std::map<CacheId, OpenCache> caches_ ABSL_GUARDED_BY(caches_mutex_);
};

LoopDriver::LoopDriver(const DriverOptions& options, std::string name, std::string address,
                       std::vector<std::unique_ptr<Loop>> loops, std::unique_ptr<Acceptor> acceptor,
                       LoadRunner& runner)
    : log_(options.log),
      self_{std::move(name), options.boot, static_cast<std::uint16_t>(options.loops), options.tls},
      address_(std::move(address)),
      acceptor_(std::move(acceptor)) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    workers_.push_back(std::make_unique<Worker>(
        std::move(loops[i]), self_, static_cast<std::uint8_t>(i), mix64(options.seed + i), runner,
        log_, MemoryWatch{options.memory_step, options.on_memory_taken}, options.on_peer_gone));
  }
  MutexLock lock(&control_);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    threads_.push_back(quiet_thread("kith-loop-" + std::to_string(i),
                                    [worker = workers_[i].get()] { worker->run(); }));
  }
}

bool LoopDriver::on_loop_thread() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->loop().on_this_thread(); });
}

void LoopDriver::get(Call& call) {
  Call* const one = &call;
  get_many(std::span(&one, 1));
}

void LoopDriver::get_many(std::span<Call* const> calls) {
  if (stopping_.load(std::memory_order_relaxed)) {
    for (Call* const call : calls) call->done(fail(ErrorCode::cancelled, "the node is stopping"));
    return;
  }
  absl::InlinedVector<Inbox::Batch, 16> batches(workers_.size());
  for (Call* const call : calls) batches[slice_of_key(call->key)].add(*call);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (!batches[i].empty()) workers_[i]->get(batches[i]);
  }
}

void LoopDriver::withdraw(std::shared_ptr<Call> call) {
  Worker& worker = *workers_[slice_of_key(call->key)];
  worker.withdraw(std::move(call));
}

void LoopDriver::refresh(CacheId cache, Key key) {
  Worker& worker = *workers_[slice_of_key(key)];
  worker.refresh(cache, std::move(key));
}

void LoopDriver::loaded(fetch::LoadId load, fetch::LoadOutcome outcome) {
  const std::size_t slice = core::slice_of_id(load.value);
  if (slice < workers_.size()) workers_[slice]->loaded(load, std::move(outcome));
}

template <class Fn>
void LoopDriver::on_each_loop(Fn fn) {
  if (threads_.empty()) {
    for (const auto& worker : workers_) fn(*worker);
    return;
  }
  Countdown left(workers_.size());
  for (const auto& each : workers_) {
    each->loop().post([&fn, &left, worker = each.get()] {
      fn(*worker);
      left.count_down();
    });
  }
  left.wait();
}

Driver::Statistics LoopDriver::open_cache(std::string name, const fetch::Options& options,
                                          store::Store& store, Tenure& tenure,
                                          std::vector<placement::Member> members) {
  KITH_CHECK(!on_loop_thread());
  Statistics statistics(workers_.size());
  const ViewPointer view = view_of(std::move(members));
  MutexLock lock(&control_);
  change_tenure(tenure, *view);
  {
    MutexLock caches_lock(&caches_mutex_);
    caches_.emplace(cache_id(name), OpenCache{tenure, view});
  }
  on_each_loop([&](Worker& worker) {
    statistics[worker.slice()] = worker.open_cache(name, options, store, tenure, view);
  });
  return statistics;
}

void LoopDriver::close_cache(CacheId cache) {
  KITH_CHECK(!on_loop_thread());
  MutexLock lock(&control_);
  {
    MutexLock caches_lock(&caches_mutex_);
    if (caches_.erase(cache) == 0) return;
  }
  on_each_loop([&](Worker& worker) { worker.close_cache(cache); });
}

void LoopDriver::set_members(CacheId cache, std::vector<placement::Member> members) {
  KITH_CHECK(!on_loop_thread());
  const ViewPointer view = view_of(std::move(members));
  MutexLock lock(&control_);
  if (threads_.empty()) return;
  {
    MutexLock caches_lock(&caches_mutex_);
    const auto open = caches_.find(cache);
    if (open == caches_.end() || open->second.view == view) return;
    change_tenure(open->second.tenure, *view);
    open->second.view = view;
  }
  on_each_loop([&](Worker& worker) { worker.install(cache, view); });
}

std::shared_ptr<const placement::View> LoopDriver::view(CacheId cache) const {
  MutexLock lock(&caches_mutex_);
  const auto open = caches_.find(cache);
  return open == caches_.end() ? nullptr : open->second.view;
}

void LoopDriver::set_peers(std::vector<PeerAddress> peers) {
  KITH_CHECK(!on_loop_thread());
  MutexLock lock(&control_);
  if (threads_.empty()) return;
  on_each_loop([&](Worker& worker) { worker.set_peers(peers); });
  if (!std::exchange(accepting_, true) && acceptor_ != nullptr) {
    workers_.front()->loop().post(
        [this] { acceptor_->start(self_, *this, workers_.front()->flush_queue()); });
  }
}

LoopDriver::ViewPointer LoopDriver::view_of(std::vector<placement::Member> members) const {
  // Somebody must load: while nobody takes part, everybody loads for himself.
  if (members.empty()) members.push_back({self_.name});
  std::ranges::sort(members, {}, &placement::Member::name);
  {
    MutexLock lock(&caches_mutex_);
    for (const auto& [cache, open] : caches_) {
      if (std::ranges::equal(open.view->members(), members)) return open.view;
    }
  }
  return placement::View::build(std::move(members));
}

void LoopDriver::change_tenure(Tenure& tenure, const placement::View& view) const {
  // Epochs are times, as boot ids are: milliseconds << 16.
  const auto up = std::chrono::duration_cast<std::chrono::milliseconds>(clock_now() - started_);
  const NodeId self = node_id(self_.name);
  tenure.change(self_.boot.value + (static_cast<std::uint64_t>(up.count()) << 16),
                [&](SlotIndex slot) { return view.owner(slot) == self; });
}

void LoopDriver::on_rumour(NodeId node) {
  for (const auto& each : workers_) {
    each->loop().post([node, worker = each.get()] { worker->on_rumour(node); });
  }
}

membership::Reachability LoopDriver::reachability(NodeId node) const {
  using membership::Reachability;
  Reachability worst = Reachability::reachable;
  for (const auto& worker : workers_) {
    const Reachability state = worker->reachability(node);
    if (state == Reachability::unreachable) return state;
    if (state == Reachability::connecting) worst = state;
  }
  return worst;
}

Driver::Memory LoopDriver::memory() const {
  Memory memory;
  for (const auto& worker : workers_) {
    memory.request_bytes += worker->request_bytes();
    memory.buffer_bytes += worker->buffer_bytes();
  }
  MutexLock lock(&caches_mutex_);
  std::set<const placement::View*> views;  // Caches of the same members share theirs.
  for (const auto& [cache, open] : caches_) {
    memory.table_bytes += sizeof(Tenure);
    if (views.insert(open.view.get()).second) memory.table_bytes += open.view->memory_bytes();
  }
  return memory;
}

void LoopDriver::stop(Duration grace) {
  KITH_CHECK(!on_loop_thread());
  stopping_.store(true, std::memory_order_relaxed);
  MutexLock lock(&control_);
  if (threads_.empty()) return;
  workers_.front()->loop().post([this] { acceptor_.reset(); });
  if (grace > Duration::zero()) drain(grace);
  for (const auto& each : workers_) {
    each->loop().post([worker = each.get()] { worker->finish(clock_now() + kLastWords); });
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void LoopDriver::drain(Duration grace) {
  // Shared with the loops, which may become idle when it is no longer waited for.
  const auto busy = std::make_shared<Countdown>(workers_.size());
  for (const auto& each : workers_) {
    each->loop().post(
        [busy, worker = each.get()] { worker->drain([busy] { busy->count_down(); }); });
  }
  busy->wait_until(std::chrono::steady_clock::now() + grace);
}

void LoopDriver::on_accepted(Acceptor::Accepted accepted) {
  Worker& worker = *workers_[accepted.slice];
  if (worker.loop().on_this_thread()) return worker.adopt(std::move(accepted));
  worker.loop().post(
      [&worker, moved = std::move(accepted)]() mutable { worker.adopt(std::move(moved)); });
}

void LoopDriver::on_refused(std::string_view who, std::string_view why) {
  log_.write_rarely(Severity::warning,
                    self_.name + " refuses " + std::string(who) + ": " + std::string(why),
                    clock_now());
}

/// Where peers reach a node that was told `advertise` and listens at `listening`, if it does.
Result<std::string> address_of(const std::string& advertise,
                               const std::optional<Address>& listening) {
  if (advertise.empty()) {
    return listening ? listening->to_string() : std::string(kUnreachableName);
  }
  Result<Address> address = Address::parse(advertise);
  if (!address) return tl::unexpected(address.error());
  if (address->port != 0 || !listening) return advertise;
  address->port = listening->port;
  return address->to_string();
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::start(DriverOptions options, LoadRunner& runner) {
  if (options.loops < 1 || options.loops > kMaxLoops) {
    return fail(ErrorCode::invalid_argument, "loops is " + std::to_string(options.loops) +
                                                 ", it may be 1 to " + std::to_string(kMaxLoops));
  }
  std::vector<std::unique_ptr<Loop>> loops;
  for (int i = 0; i < options.loops; ++i) loops.push_back(std::make_unique<Loop>());

  std::unique_ptr<Acceptor> acceptor;
  std::optional<Address> listening;
  if (!options.listen.empty()) {
    Result<Address> address = Address::parse(options.listen);
    if (!address) return tl::unexpected(address.error());
    auto opened = Acceptor::open(loops.front()->context(), *address, {});
    if (!opened) return tl::unexpected(opened.error());
    acceptor = std::move(*opened);
    listening = Address{address->host, acceptor->port()};
  }
  Result<std::string> name = address_of(options.advertise, listening);
  if (!name) return tl::unexpected(name.error());
  std::string address = *std::move(name);
  return std::make_unique<LoopDriver>(options, options.name.empty() ? address : options.name,
                                      address, std::move(loops), std::move(acceptor), runner);
}

TimePoint Driver::now() { return clock_now(); }

}  // namespace kith::edge
