// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/loader.h>
#include <kith/options.h>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "core/fetch/actions.h"
#include "edge/driver/driver.h"

namespace kith::api {

/// Runs the users' loaders on a bounded number of threads, started when they are first needed.
///
/// A loader that ignores its stop token and hangs keeps its thread: others are started in its
/// place, up to kMostPerAsked times as many as asked for in all. Whatever a loader throws, however
/// late it answers, the cache gets one outcome per load or none; core::Node's own time-out covers
/// "none". Thread-safe.
class LoaderPool final : public edge::LoadRunner {
 public:
  /// Where outcomes go; called on loader threads and on whatever thread an async loader answers.
  using Deliver = std::function<void(fetch::LoadId, fetch::LoadOutcome)>;

  LoaderPool(int threads, LogSink log);
  ~LoaderPool() override;

  /// Must be called before the first load.
  void deliver_to(Deliver deliver);
  /// The loader of a cache.
  void add(CacheId cache, std::shared_ptr<const Loader> loader);
  /// When no load of the cache will be started any more. Those under way go on.
  void remove(CacheId cache);

  // edge::LoadRunner
  void start(const fetch::StartLoad& load) override;
  void cancel(const fetch::CancelLoad& load) override;
  void end_of_turn() override;

  /// That run now.
  int threads() const;

  /// Tells all loads to stop, delivers nothing any more, and waits up to `grace` for the threads.
  /// Those still in a loader then are left to themselves; the loader's captures must live on.
  void stop(Duration grace);

 private:
  static constexpr int kMostPerAsked = 4;

  /// Loads that one call of a loader covers: one, or several for a batch loader.
  struct Job {
    std::shared_ptr<const Loader> loader;
    std::vector<fetch::LoadId> loads;
    std::vector<LoadRequest> requests;
  };
  /// What loader threads and late answers share with the pool, and may outlive it in.
  struct State;
  class Reply;

  static void run_thread(std::shared_ptr<State> state);
  static void run(State& state, const std::shared_ptr<State>& shared, Job& job);

  std::shared_ptr<State> state_;
};

}  // namespace kith::api
