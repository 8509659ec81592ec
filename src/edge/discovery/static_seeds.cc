// SPDX-License-Identifier: Apache-2.0
#include <kith/discovery.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "edge/discovery/report.h"

namespace kith {

namespace {

using edge::discovery::Found;
using edge::discovery::Report;

class StaticSource final : public Discovery {
 public:
  explicit StaticSource(std::vector<Seed> seeds) : seeds_(std::move(seeds)) {}

  std::string name() const override { return "static list"; }

  /// Tells the list at once, and nothing afterwards.
  Result<void> start(Listener listener) override {
    MutexLock lock(&mutex_);
    if (started_) return fail(ErrorCode::failed_precondition, "the static list was started before");
    started_ = true;
    Report(name(), std::move(listener)).answered(Found{.seeds = seeds_, .complaint = {}});
    return {};
  }

  void stop() override {
    MutexLock lock(&mutex_);
    started_ = true;
  }

 private:
  const std::vector<Seed> seeds_;
  /// Held while the listener is called, so that stop waits for it.
  Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

Result<std::shared_ptr<Discovery>> static_seeds(std::vector<std::string> addresses) {
  if (addresses.empty()) {
    return fail(ErrorCode::invalid_argument, "the list of addresses is empty");
  }
  if (addresses.size() > kMaxSeeds) {
    return fail(ErrorCode::invalid_argument, "the list has " + std::to_string(addresses.size()) +
                                                 " addresses; it may have " +
                                                 std::to_string(kMaxSeeds));
  }
  std::vector<Seed> seeds;
  seeds.reserve(addresses.size());
  for (const std::string& address : addresses) {
    auto seed = edge::discovery::parse_seed(address);
    if (!seed) return tl::unexpected<Error>(std::move(seed).error());
    seeds.push_back(*std::move(seed));
  }
  return std::make_shared<StaticSource>(std::move(seeds));
}

}  // namespace kith
