// SPDX-License-Identifier: Apache-2.0
#include "api/loader_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

namespace kith::api {

namespace {

fetch::LoadOutcome outcome_of(LoadResult result) {
  struct Convert {
    fetch::LoadOutcome operator()(Loaded&& loaded) const {
      fetch::LoadedValue value{std::move(loaded.value), loaded.ttl, nullptr};
      if (!loaded.tags.empty()) {
        value.tags = std::make_shared<const std::vector<std::string>>(std::move(loaded.tags));
      }
      return value;
    }
    fetch::LoadOutcome operator()(NotFound&&) const { return fetch::LoadedNothing{}; }
    fetch::LoadOutcome operator()(Error&& error) const {
      // Whatever code the loader chose, to the cache's callers it is the loader that failed.
      error.code = ErrorCode::loader_failed;
      return std::move(error);
    }
  };
  return std::visit(Convert{}, std::move(result).answer());
}

Error loader_failed(std::string message) {
  return Error{ErrorCode::loader_failed, std::move(message), false};
}

/// Calls `function`, turning what it throws into an error.
template <class Function, class OnError>
void guarded(Function&& function, OnError&& on_error) {
  try {
    function();
  } catch (const std::exception& thrown) {
    on_error(loader_failed(std::string("the loader threw: ") + thrown.what()));
  } catch (...) {
    on_error(loader_failed("the loader threw something that is no std::exception"));
  }
}

std::chrono::steady_clock::time_point to_steady(TimePoint deadline) {
  if (deadline == TimePoint::max()) return std::chrono::steady_clock::time_point::max();
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(deadline -
                                                                         edge::Driver::now());
}

}  // namespace

/// A call of a loader under way.
struct Running {
  /// Loads of it that somebody still waits for.
  std::size_t wanted = 0;
  /// All were given up: the thread does not count towards those asked for.
  bool lost = false;
};

struct LoaderPool::State {
  State(int asked_for, LogSink sink) : asked(asked_for), log(std::move(sink)) {}

  void deliver(fetch::LoadId load, fetch::LoadOutcome outcome) {
    Deliver target;
    {
      MutexLock lock(&mutex);
      stops.erase(load);
      if (stopping) return;
      ++delivering;
      target = to;
    }
    target(load, std::move(outcome));
    MutexLock lock(&mutex);
    if (--delivering == 0 && stopping) ended.notify_all();
  }

  /// Waits for deliveries to end, and for up to `grace` for the threads, which were told to stop.
  /// Returns how many are left.
  int wait_for_threads(Duration grace);

  const int asked;
  const LogSink log;

  Mutex mutex;
  /// Notified for each new job, and when the pool stops.
  CondVar work;
  /// Notified while the pool stops, as deliveries and threads end.
  CondVar ended;
  Deliver to ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<CacheId, std::shared_ptr<const Loader>> loaders ABSL_GUARDED_BY(mutex);
  std::deque<Job> jobs ABSL_GUARDED_BY(mutex);
  /// Batches being collected during the present turn.
  absl::flat_hash_map<CacheId, Job> collecting ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<fetch::LoadId, std::stop_source> stops ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<fetch::LoadId, std::shared_ptr<Running>> running ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  int threads ABSL_GUARDED_BY(mutex) = 0;
  int idle ABSL_GUARDED_BY(mutex) = 0;
  /// Threads in a call whose loads were all given up.
  int lost ABSL_GUARDED_BY(mutex) = 0;
  int delivering ABSL_GUARDED_BY(mutex) = 0;
  /// Whether `collecting` has anything: looked at every turn without the lock.
  std::atomic<bool> collected{false};

  /// Makes sure that somebody takes the next job.
  void wake_locked(const std::shared_ptr<State>& self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (stopping || jobs.empty()) return;
    work.notify_one();
    if (static_cast<std::size_t>(idle) >= jobs.size()) return;
    if (threads - lost >= asked || threads >= asked * kMostPerAsked) return;
    try {
      std::thread([self] { run_thread(self); }).detach();
      ++threads;
    } catch (const std::system_error&) {
      // The system has no more threads. The job waits for one of those that there are; when there
      // is none, its load times out.
    }
  }

  /// Nobody waits for `load` any more.
  void give_up_locked(fetch::LoadId load) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto found = running.find(load);
    if (found == running.end()) return;
    if (--found->second->wanted == 0) {
      found->second->lost = true;
      ++lost;
    }
    running.erase(found);
  }

  bool given_up_locked(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return std::none_of(job.loads.begin(), job.loads.end(),
                        [this](fetch::LoadId load)
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return stops.contains(load); });
  }
};

/// An async loader's way back. It does not keep the pool: a loader may keep its replies for ever,
/// and the pool keeps the loader.
class LoaderPool::Reply final : public LoadReply::Sink {
 public:
  Reply(std::weak_ptr<State> state, fetch::LoadId load) : state_(std::move(state)), load_(load) {}
  ~Reply() override {
    if (!answered_.load()) {
      deliver(loader_failed("the loader dropped its LoadReply without an answer"));
    }
  }
  void answer(LoadResult result) override {
    answered_.store(true);
    // A second answer finds no load and is counted by the cache.
    deliver(outcome_of(std::move(result)));
  }

 private:
  void deliver(fetch::LoadOutcome outcome) {
    if (const auto state = state_.lock()) state->deliver(load_, std::move(outcome));
  }

  std::weak_ptr<State> state_;
  fetch::LoadId load_;
  std::atomic<bool> answered_{false};
};

LoaderPool::LoaderPool(int threads, LogSink log)
    : state_(std::make_shared<State>(threads, std::move(log))) {}

LoaderPool::~LoaderPool() { stop(Duration::zero()); }

void LoaderPool::deliver_to(Deliver deliver) {
  MutexLock lock(&state_->mutex);
  state_->to = std::move(deliver);
}

void LoaderPool::remove(CacheId cache) {
  std::shared_ptr<const Loader> loader;  // Destroyed without the lock: it is the user's.
  MutexLock lock(&state_->mutex);
  const auto found = state_->loaders.find(cache);
  if (found == state_->loaders.end()) return;
  loader = std::move(found->second);
  state_->loaders.erase(found);
}

void LoaderPool::add(CacheId cache, std::shared_ptr<const Loader> loader) {
  MutexLock lock(&state_->mutex);
  state_->loaders.emplace(cache, std::move(loader));
}

void LoaderPool::start(const fetch::StartLoad& load) {
  std::stop_source stop;
  LoadRequest request{load.key.bytes.to_string(), to_steady(load.deadline), stop.get_token()};
  MutexLock lock(&state_->mutex);
  if (state_->stopping) return;
  const auto loader = state_->loaders.at(load.cache);
  state_->stops.emplace(load.load, std::move(stop));
  if (loader->max_batch() <= 1) {
    Job job{loader, {load.load}, {}};
    job.requests.push_back(std::move(request));
    state_->jobs.push_back(std::move(job));
    state_->wake_locked(state_);
    return;
  }
  Job& job = state_->collecting[load.cache];
  job.loader = loader;
  job.loads.push_back(load.load);
  job.requests.push_back(std::move(request));
  if (job.loads.size() >= loader->max_batch()) {
    state_->jobs.push_back(std::exchange(job, {}));
    state_->collecting.erase(load.cache);
    state_->wake_locked(state_);
  } else {
    state_->collected.store(true, std::memory_order_relaxed);
  }
}

void LoaderPool::cancel(const fetch::CancelLoad& load) {
  std::stop_source stop(std::nostopstate);
  {
    MutexLock lock(&state_->mutex);
    const auto found = state_->stops.find(load.load);
    if (found == state_->stops.end()) return;
    stop = std::move(found->second);
    state_->stops.erase(found);
  }
  // Not under the lock: stop callbacks are the user's code.
  guarded([&] { stop.request_stop(); }, [](const Error&) {});
  MutexLock lock(&state_->mutex);
  state_->give_up_locked(load.load);
  state_->wake_locked(state_);
}

void LoaderPool::end_of_turn() {
  // Relaxed: set and read on loop threads; what another loop collects, its own turn sends.
  if (!state_->collected.load(std::memory_order_relaxed)) return;
  MutexLock lock(&state_->mutex);
  state_->collected.store(false, std::memory_order_relaxed);
  for (auto& [cache, job] : state_->collecting) {
    state_->jobs.push_back(std::move(job));
    state_->wake_locked(state_);
  }
  state_->collecting.clear();
}

int LoaderPool::threads() const {
  MutexLock lock(&state_->mutex);
  return state_->threads;
}

void LoaderPool::stop(Duration grace) {
  std::vector<std::stop_source> stops;
  {
    MutexLock lock(&state_->mutex);
    state_->stopping = true;
    state_->jobs.clear();
    state_->collecting.clear();
    for (auto& [load, stop] : state_->stops) stops.push_back(std::move(stop));
    state_->stops.clear();
  }
  for (auto& stop : stops) guarded([&] { stop.request_stop(); }, [](const Error&) {});
  State& state = *state_;
  const int left = state.wait_for_threads(grace);
  if (left > 0 && state.log && grace > Duration::zero()) {
    state.log(LogLevel::warning,
              std::to_string(left) + " loader(s) ignored their stop token and were left running");
  }
}

int LoaderPool::State::wait_for_threads(Duration grace) {
  MutexLock lock(&mutex);
  work.notify_all();
  // Deliveries end by themselves, and soon; what they deliver to must outlive them.
  while (delivering > 0) ended.wait(&mutex);
  const auto until = std::chrono::steady_clock::now() + grace;
  while (threads > 0 && ended.wait_until(&mutex, until)) {
  }
  return threads;
}

void LoaderPool::run_thread(std::shared_ptr<State> state) {
  for (;;) {
    Job job;
    const auto running = std::make_shared<Running>();
    {
      MutexLock lock(&state->mutex);
      ++state->idle;
      while (!state->stopping && state->jobs.empty()) state->work.wait(&state->mutex);
      --state->idle;
      // A thread that came back from a loader given up may be one too many by now.
      if (state->stopping || state->threads - state->lost > state->asked) {
        --state->threads;
        state->work.notify_one();  // this thread's notification is another's
        state->ended.notify_all();
        return;
      }
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
      if (state->given_up_locked(job)) continue;
      for (const fetch::LoadId load : job.loads) {
        if (!state->stops.contains(load)) continue;
        state->running.emplace(load, running);
        ++running->wanted;
      }
    }
    run(*state, state, job);
    MutexLock lock(&state->mutex);
    for (const fetch::LoadId load : job.loads) state->running.erase(load);
    if (running->lost) --state->lost;
  }
}

void LoaderPool::run(State& state, const std::shared_ptr<State>& shared, Job& job) {
  const auto fail_all = [&](const Error& error) {
    for (const fetch::LoadId load : job.loads) state.deliver(load, error);
  };
  const Loader::Function& function = job.loader->function();
  if (const auto* sync = std::get_if<Loader::Sync>(&function)) {
    guarded([&] { state.deliver(job.loads[0], outcome_of((*sync)(job.requests[0]))); }, fail_all);
  } else if (const auto* async = std::get_if<Loader::Async>(&function)) {
    auto reply = std::make_shared<Reply>(shared, job.loads[0]);
    guarded([&] { (*async)(job.requests[0], LoadReply(reply)); },
            [&](const Error& error) { reply->answer(error); });
  } else if (const auto* batch = std::get_if<Loader::Batch>(&function)) {
    guarded(
        [&] {
          std::vector<LoadResult> results = (*batch)(job.requests);
          for (std::size_t i = 0; i < job.loads.size(); ++i) {
            state.deliver(job.loads[i],
                          i < results.size()
                              ? outcome_of(std::move(results[i]))
                              : fetch::LoadOutcome(loader_failed(
                                    "the batch loader answered " + std::to_string(results.size()) +
                                    " of " + std::to_string(job.loads.size()) + " keys")));
          }
        },
        fail_all);
  }
}

}  // namespace kith::api
