// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/discovery.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "edge/discovery/report.h"
#include "edge/discovery/stop_signal.h"

namespace kith::edge::discovery {

/// How one kind of source is asked. Used by one thread.
class Inquiry {
 public:
  Inquiry() = default;
  virtual ~Inquiry() = default;
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  /// Asks again and again until `stop` is raised, and returns soon then. Called anew if it throws.
  virtual void run(Report& report, const StopSignal& stop) = 0;
};

/// A Discovery whose inquiry has a thread to itself. Thread-safe.
class Source final : public Discovery {
 public:
  Source(std::string name, std::unique_ptr<Inquiry> inquiry);
  ~Source() override;

  std::string name() const override { return name_; }
  Result<void> start(Listener listener) override;
  void stop() override;

 private:
  void run(Report& report);

  const std::string name_;
  const std::unique_ptr<Inquiry> inquiry_;
  StopSignal stop_;
  /// Of the thread; to refuse to wait for itself.
  std::atomic<std::thread::id> running_ = std::thread::id();
  /// Held while the thread is waited for, so that everybody who stops waits.
  Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

/// Makes the Discovery that the factories return.
std::shared_ptr<Discovery> make_source(std::string name, std::unique_ptr<Inquiry> inquiry);

/// A seed for random choices, another one for each call.
std::uint64_t random_seed();

}  // namespace kith::edge::discovery
