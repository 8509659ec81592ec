// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>
#include <kith/value.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "core/fetch/actions.h"
#include "sim/history.h"
#include "sim/trace.h"
#include "sim/world.h"

namespace kith::sim {

/// What a loader does when it is called.
enum class Manner : std::uint8_t {
  answers,
  not_found,
  error,
  throws,  ///< Which the api catches, and answers an error for.
  hangs,   ///< Never answers.
  answers_twice,
  answers_late,  ///< Once its deadline has passed.
};
inline constexpr std::size_t kManners = 7;

struct OriginPlan {
  Duration min_latency = std::chrono::milliseconds(1);
  /// Mean of the exponential part of the latency.
  Duration mean_extra = std::chrono::milliseconds(5);
  /// Chances of the manners, relative to each other.
  std::array<double, kManners> manners = {1, 0, 0, 0, 0, 0, 0};
  /// Chance that a loader told to stop does not answer any more.
  double heeds_cancel = 0.5;
  /// The TTL that the loader gives with its values. Empty: it gives none.
  std::optional<Duration> ttl = {};
};

/// The origin behind the loaders of all nodes: it makes values that tell which key they are of, and
/// keeps account of every load. One thread only.
class Origin {
 public:
  using Reply = std::function<void(fetch::LoadOutcome)>;
  /// Told of the changes of a load.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_load_started(const Load& load) = 0;
    virtual void on_load_answered(const Load& load) = 0;
    virtual void on_load_cancelled(const Load& load) = 0;
  };

  Origin(std::span<const KeyPlan> keys, std::uint64_t seed, World& world, Trace& trace,
         Listener& listener);

  void set_plan(const OriginPlan& plan) { plan_ = plan; }
  /// The manner for one key, whatever the plan's chances say.
  void set_manner(std::size_t key, Manner manner) { manners_[key] = manner; }
  /// From now on every load is answered quickly and well.
  void become_honest();

  void start(NodeIndex node, const fetch::StartLoad& load, std::size_t key, Reply reply);
  void cancel(NodeIndex node, fetch::LoadId load);
  /// The process is gone, with its loaders.
  void forget(NodeIndex node);

  const std::deque<Load>& loads() const { return loads_; }
  std::size_t loads_of(std::size_t key) const;
  /// Loads that a node started and neither cancelled nor got an answer to, nor outlived.
  std::size_t running(TimePoint now) const;

  /// The value that the `count`-th load of a key makes.
  static Value value_of(const KeyPlan& key, std::uint64_t count);
  /// Whether the bytes are those of a value of this key.
  static bool belongs(const KeyPlan& key, std::string_view value);

 private:
  Manner manner_of(std::size_t key);
  void answer(std::uint64_t serial, Duration wait, fetch::LoadOutcome outcome, const Reply& reply);

  std::span<const KeyPlan> keys_;
  Rng rng_;
  World& world_;
  Trace& trace_;
  Listener& listener_;
  OriginPlan plan_;
  std::map<std::size_t, Manner> manners_;
  std::deque<Load> loads_;
  /// Serial of each load that is neither answered nor cancelled.
  std::map<std::pair<NodeIndex, std::uint64_t>, std::uint64_t> open_;
  std::vector<std::uint64_t> counts_;
};

}  // namespace kith::sim
