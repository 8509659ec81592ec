// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/value.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/testing/scheduler.h"
#include "store/memory/arena.h"
#include "store/store.h"
#include "store/testing/history.h"

namespace kith::store {

/// What a thread on a stage can do. Keys and sizes are drawn at random.
enum class Act : std::uint8_t {
  put,     ///< One of the keys.
  insert,  ///< A key that was never there.
  crowd,   ///< The same, of which nobody keeps account: it may be evicted.
  get,     ///< Keeps the value.
  peek,    ///< Looks at the value while pinned.
  copy,    ///< Of a value that it keeps.
  pass,    ///< Gives a value that it keeps to whoever takes it.
  take,
  drop,  ///< A value that it keeps.
  erase,
  clear,
  maintain,
  shrink,  ///< Takes some of the budget away.
};

/// A store and what threads do to it under a Scheduler, with all that they may expect of it: calls
/// are recorded for keys_gone_wrong(), and the bytes of every value that somebody keeps or looks at
/// are compared with what was put, at every point. As one thread runs at a time, nothing has a
/// lock.
class Stage {
 public:
  struct Options {
    StoreOptions store;
    /// How many keys there are for put, get, peek and erase.
    std::uint64_t keys = 2;
    std::vector<std::size_t> sizes = {40};
    /// What shrink takes away.
    std::uint64_t step_bytes = 0;
    /// Whether some of what is put has an end.
    bool mortal = false;
    /// Whether readers may keep so much from being given back that there is no room for a put.
    bool may_refuse = false;
  };

  Stage(const Options& options, std::uint64_t seed);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Store& store() { return *store_; }
  /// The time of all acts.
  void set_now(TimePoint now) { now_ = now; }

  // By any thread.

  void act(std::size_t thread, Act act);
  void put(std::uint64_t key, TimePoint expires = TimePoint::max());
  void get(std::size_t thread, std::uint64_t key);
  void erase(std::uint64_t key);
  /// Puts entries of no interest until one was evicted, or `most`.
  void crowd(std::size_t most);
  void drop_crowd();
  /// Leaves no more budget than what is in use.
  void fit_budget();
  /// Nobody may find the key's entry from now on: its time is over.
  void forget(std::uint64_t key);
  void drop_all(std::size_t thread);
  void destroy_store();

  /// Whether all values are what they were when they were put. Called at every point.
  void look();
  /// Compares what was seen with what may be seen, and has everything given back. Without control.
  void finish();
  /// What was not as it should be. Empty: nothing.
  const std::string& problem() const { return problem_; }

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }
  /// Where the value of a key lies. Null: nowhere.
  const void* place_of(std::uint64_t key) const;

 private:
  struct Watched {
    std::uint64_t key;
    std::uint64_t version;
    std::string_view bytes;
  };
  using Watch = std::list<Watched>::iterator;

  /// A value that is watched for as long as it is kept.
  class Kept {
   public:
    Kept(Stage& stage, std::uint64_t key, std::uint64_t version, Value value);
    ~Kept();
    std::unique_ptr<Kept> copy() const;

   private:
    Stage& stage_;
    const Watch watch_;
    const Value value_;
  };
  using Shelf = std::vector<std::unique_ptr<Kept>>;

  static std::string name_of(std::uint64_t key);
  std::uint64_t moment() { return ++moments_; }
  std::uint64_t any_key() { return rng_.below(options_.keys); }
  std::size_t any_size() { return options_.sizes[rng_.below(options_.sizes.size())]; }
  void peek(std::uint64_t key);
  void record(Operation::Kind kind, std::uint64_t key, std::uint64_t value, std::uint64_t begin);
  void record_read(std::uint64_t key, std::uint64_t version, std::uint64_t begin);
  void put_crowd();
  void clear();
  void shrink();
  /// A value off the shelf, if there is one.
  std::unique_ptr<Kept> any_of(Shelf& shelf);
  void complain(const std::string& what);
  void find_arena();
  void expect_all_given_back();

  const Options options_;
  Rng rng_;
  std::unique_ptr<Store> store_;
  /// The one of the store's only shard.
  Arena* arena_ = nullptr;
  std::uint64_t budget_ = 0;
  TimePoint now_{};

  std::uint64_t moments_ = 0;
  std::uint64_t versions_ = 0;
  /// Keys that were ever put.
  std::uint64_t keys_ = 0;
  std::uint64_t crowd_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::vector<Operation> history_;
  std::list<Watched> watched_;
  /// One of each thread, and one of nobody.
  std::array<Shelf, schedule::Scheduler::kThreads + 1> shelves_;
  std::string problem_;
};

}  // namespace kith::store
