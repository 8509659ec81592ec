// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/deadline_queue.h"
#include "base/key.h"
#include "base/slab.h"
#include "core/fetch/actions.h"
#include "core/fetch/answers.h"
#include "core/fetch/hold_off.h"
#include "core/fetch/idle_memory.h"
#include "core/fetch/limiter.h"
#include "core/fetch/load_queue.h"
#include "core/fetch/options.h"
#include "core/fetch/ownership.h"
#include "core/fetch/statistics.h"
#include "core/fetch/surroundings.h"
#include "core/fetch/waiters.h"

namespace kith::fetch {

/// The loads of one cache at the node that loads: its keys' owner, or a stand-in.
///
/// A flight is one load of one key with everybody who waits for it. It waits for its turn, runs,
/// and ends by an answer, by its own time-out, or because its last waiter left. What it waits for
/// is always the origin, never another node: so no cycle of waiting exists, whatever the nodes
/// believe of each other. At most one flight per key is alive.
/// See "Filling once" in docs/notes.md. Pure; loop thread only.
class Flights {
 public:
  /// How a waiter came to load here.
  enum class Role : std::uint8_t {
    owner,
    guest,        ///< In the place of an owner that does not answer.
    last_resort,  ///< No ranked node is left: so many nodes may do the same that few loads run.
  };

  Flights(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
          const Ownership& ownership, Surroundings& surroundings, Waiters& waiters,
          Statistics& statistics);

  /// Lets `waiter` wait for the key's load, which is begun when there is none.
  void join(KeyView key, Waiter waiter, Role role, TimePoint now, Actions& out);
  /// Begins a load that nobody waits for, unless there is one.
  void refresh(KeyView key, TimePoint now, Actions& out);
  bool alive(KeyView key) const { return by_key_.contains(key); }

  void on_loaded(LoadId load, LoadOutcome outcome, TimePoint now, Actions& out);
  /// A waiter of flight `subject` was taken out of Waiters.
  void on_waiter_gone(std::uint64_t subject, TimePoint now, Actions& out);
  /// Gives every load up. Users get `error`, other nodes are sent elsewhere.
  void stop(const Error& error, Actions& out);

  void on_deadline(TimePoint now, Actions& out);
  std::optional<TimePoint> next_deadline() const { return deadlines_.next(); }

  bool idle() const { return flights_.empty(); }
  /// About, of memory, without the waiters.
  std::size_t memory_bytes() const {
    return flights_.memory_bytes() + memory_of(by_key_) + memory_of(by_load_) +
           deadlines_.memory_bytes() + flights_.size() * kBytesEach + key_bytes_;
  }
  /// Share of the allowed loads that run or wait: 0 none, 255 all or more.
  std::uint8_t load_hint() const;

 private:
  using Handle = Slab<int>::Handle;
  struct Flight {
    Key key;
    Role role = Role::owner;
    Priority priority = Priority::refresh;
    bool loading = false;
    LoadId load = {};
    TimePoint started = {};
    std::vector<Waiters::Handle> waiters;
    /// Of `waiters`, those who still wait.
    std::size_t living = 0;
  };

  /// Elsewhere: its place in the queue, its key's and its waiters' memory beside their bytes, and
  /// the loader's request.
  static constexpr std::size_t kBytesEach = 16 + 2 * 48 + 160;
  /// The flight's own, and the loader's.
  static std::size_t bytes_of_keys(const Flight& flight) { return 2 * flight.key.bytes.size(); }

  Handle begin(KeyView key, Role role, Priority priority, TimePoint now);
  void add_waiter(Handle handle, Flight& flight, Waiter waiter);
  /// Starts waiting flights while the limiter allows.
  void pump(TimePoint now, Actions& out);
  void start(Handle handle, Flight& flight, TimePoint now, Actions& out);
  /// Takes a flight out, so that nothing joins it any more.
  Flight retire(Handle handle);

  // How a load ends.
  void succeed(Flight flight, LoadedValue loaded, TimePoint now, Actions& out);
  void find_nothing(Flight flight, TimePoint now, Actions& out);
  void fail(Flight flight, const Error& error, TimePoint now, Actions& out);
  Entry entry_for(const Flight& flight, TimePoint now);
  Holding holding_for(const Flight& flight);

  /// What may be served although it is expired, because the loader fails.
  std::optional<Entry> stale_for(KeyView key, TimePoint now);
  static Found stale_answer(const Entry& old, TimePoint now);

  void answer(const Waiter& waiter, const Found& found, TimePoint now, Actions& out);
  void answer(const Waiter& waiter, const Error& error, Actions& out);
  template <class Ending>
  void answer_all(const Flight& flight, Ending&& ending);
  void refuse_busy(const Waiter& waiter, Actions& out);
  std::size_t last_resort_limit() const;

  CacheId cache_;
  std::uint64_t next_load_;
  const Options& options_;
  Storage& storage_;
  const Ownership& ownership_;
  Surroundings& surroundings_;
  Waiters& waiters_;
  Statistics& statistics_;

  Slab<Flight> flights_;
  absl::flat_hash_map<Key, Handle, KeyHash, KeyEqual> by_key_;
  absl::flat_hash_map<LoadId, Handle> by_load_;
  /// Of loads that run, their time-outs.
  DeadlineQueue<LoadId> deadlines_;
  LoadQueue queue_;
  std::size_t queued_ = 0;
  std::size_t key_bytes_ = 0;
  std::size_t last_resorts_running_ = 0;
  Limiter limiter_;
  HoldOff hold_off_;
  std::uint64_t sequence_ = 0;
};

}  // namespace kith::fetch
