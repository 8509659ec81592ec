// SPDX-License-Identifier: Apache-2.0
#include "edge/driver/driver.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "base/check.h"
#include "base/countdown.h"
#include "base/mutex.h"
#include "base/snapshot.h"
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
/// What a node is called that nobody can reach.
constexpr std::string_view kUnreachableName = "local:0";

class LoopDriver final : public Driver, private Acceptor::Listener {
 public:
  /// `loops` are as many as the options say; `acceptor`, if any, lives on the first.
  LoopDriver(const DriverOptions& options, std::string name,
             std::vector<std::unique_ptr<Loop>> loops, std::unique_ptr<Acceptor> acceptor,
             LoadRunner& runner);
  ~LoopDriver() override { stop(Duration::zero()); }

  const std::string& name() const override { return self_.name; }
  bool on_loop_thread() const override;
  void get(Call& call) override;
  void get_many(std::span<Call* const> calls) override;
  void withdraw(std::shared_ptr<Call> call) override;
  void refresh(CacheId cache, Key key) override;
  void loaded(fetch::LoadId load, fetch::LoadOutcome outcome) override;
  std::vector<const fetch::Statistics*> open_cache(std::string name, const fetch::Options& options,
                                                   store::Store& store) override;
  void set_members(std::vector<placement::Member> members) override;
  std::shared_ptr<const placement::View> view() const override { return view_.load(); }
  const Tenure& tenure() const override { return tenure_; }
  membership::Reachability reachability(NodeId node) const override;
  Memory memory() const override;
  void stop(Duration grace) override;

 private:
  void on_accepted(Acceptor::Accepted accepted) override;
  void on_refused(std::string_view who, std::string_view why) override;

  std::size_t slice_of_key(const Key& key) const {
    return slice_of(slot_of(key.hash), self_.slices);
  }
  /// Runs fn(Worker&) on each loop and waits for all.
  template <class Fn>
  void on_each_loop(Fn fn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_);
  void change_tenure(const placement::View& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_);
  void drain(Duration grace) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_);

  Log log_;
  const Identity self_;
  const TimePoint started_ = clock_now();
  Snapshot<placement::View> view_;
  /// Changed with control_ held, before the loops hear of the view.
  Tenure tenure_;
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
};

LoopDriver::LoopDriver(const DriverOptions& options, std::string name,
                       std::vector<std::unique_ptr<Loop>> loops, std::unique_ptr<Acceptor> acceptor,
                       LoadRunner& runner)
    : log_(options.log),
      self_{std::move(name), options.boot, static_cast<std::uint16_t>(options.loops)},
      view_(placement::View::build({placement::Member{self_.name}})),
      acceptor_(std::move(acceptor)) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    workers_.push_back(std::make_unique<Worker>(
        std::move(loops[i]), self_, static_cast<std::uint8_t>(i), mix64(options.seed + i), tenure_,
        runner, log_, MemoryWatch{options.memory_step, options.on_memory_taken}));
  }
  MutexLock lock(&control_);
  change_tenure(*view_.load());
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

std::vector<const fetch::Statistics*> LoopDriver::open_cache(std::string name,
                                                             const fetch::Options& options,
                                                             store::Store& store) {
  KITH_CHECK(!on_loop_thread());
  std::vector<const fetch::Statistics*> statistics(workers_.size());
  MutexLock lock(&control_);
  on_each_loop([&](Worker& worker) {
    statistics[worker.slice()] = worker.open_cache(name, options, store);
  });
  return statistics;
}

void LoopDriver::set_members(std::vector<placement::Member> members) {
  KITH_CHECK(!on_loop_thread());
  const std::shared_ptr<const placement::View> view = placement::View::build(std::move(members));
  MutexLock lock(&control_);
  if (threads_.empty()) return;
  change_tenure(*view);
  on_each_loop([&](Worker& worker) { worker.install(view); });
  view_.store(view);
  // Before it knew the members, this node would have taken every key for its own.
  if (!std::exchange(accepting_, true) && acceptor_ != nullptr) {
    workers_.front()->loop().post(
        [this] { acceptor_->start(self_, *this, workers_.front()->flush_queue()); });
  }
}

void LoopDriver::change_tenure(const placement::View& view) {
  // Epochs are times, as boot ids are: milliseconds << 16.
  const auto up = std::chrono::duration_cast<std::chrono::milliseconds>(clock_now() - started_);
  const NodeId self = node_id(self_.name);
  tenure_.change(self_.boot.value + (static_cast<std::uint64_t>(up.count()) << 16),
                 [&](SlotIndex slot) { return view.owner(slot) == self; });
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

/// What peers call a node that was told `advertise` and listens at `listening`, if it does.
Result<std::string> name_of(const std::string& advertise, const std::optional<Address>& listening) {
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
  Result<std::string> name = name_of(options.advertise, listening);
  if (!name) return tl::unexpected(name.error());
  return std::make_unique<LoopDriver>(options, *std::move(name), std::move(loops),
                                      std::move(acceptor), runner);
}

TimePoint Driver::now() { return clock_now(); }

}  // namespace kith::edge
