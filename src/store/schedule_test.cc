// SPDX-License-Identifier: Apache-2.0
// The races of the store, one test for each, in interleavings that a seed decides: see
// base/testing/scheduler.h. A failure tells the seed and who went through which points.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/testing/scheduler.h"
#include "store/testing/stage.h"

namespace kith::store {
namespace {

using enum Act;

constexpr std::uint64_t kKiB = 1u << 10;
constexpr std::uint64_t kMiB = 1u << 20;

struct Scenario {
  Stage::Options stage;
  /// Before the threads begin.
  std::function<void(Stage&)> before = {};
  /// What each of them does; of every second seed in another order.
  std::vector<std::vector<Act>> threads;
  /// Then, if there is any.
  std::function<std::vector<schedule::Scheduler::Body>(Stage&)> second = {};
  std::function<void(Stage&)> after = {};
  std::uint64_t seeds = 2000;
};

class StoreSchedule : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!schedule::kEnabled) GTEST_SKIP() << "a build without schedule points";
  }

  static schedule::Scheduler& scheduler() { return schedule::Scheduler::of_this_program(); }

  /// Plays the scenario with every seed.
  void explore(const Scenario& scenario) {
    const std::uint64_t seeds = schedule::Scheduler::seeds(scenario.seeds);
    // The first one tells how many points there are.
    std::size_t points = 1;
    std::uint64_t sum = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      std::string traces;
      const std::string problem = play(scenario, seed, points, traces);
      ASSERT_EQ(problem, "") << "seed " << seed << "\n" << traces;
      if (seed == 0) points = scheduler().points();
      sum += scheduler().points();
    }
    RecordProperty("points", static_cast<int>(sum / seeds));
    RecordProperty("hits", static_cast<int>(hits_));
    RecordProperty("misses", static_cast<int>(misses_));
  }

  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;

 private:
  using Body = schedule::Scheduler::Body;

  std::string play(const Scenario& scenario, std::uint64_t seed, std::size_t points,
                   std::string& traces) {
    Stage stage(scenario.stage, seed);
    if (scenario.before) scenario.before(stage);
    Rng rng(seed);
    std::vector<std::vector<Act>> acts = scenario.threads;
    std::vector<Body> bodies;
    for (std::size_t i = 0; i < acts.size(); ++i) {
      if (seed % 2 == 1) rng.shuffle(std::span(acts[i]));
      bodies.push_back([&stage, i, mine = std::span<const Act>(acts[i])] {
        for (const Act act : mine) stage.act(i, act);
      });
    }
    run(stage, seed, points, bodies, traces);
    if (scenario.second) run(stage, seed, points, scenario.second(stage), traces);
    if (scenario.after) scenario.after(stage);
    stage.finish();
    hits_ += stage.hits();
    misses_ += stage.misses();
    return stage.problem();
  }

  void run(Stage& stage, std::uint64_t seed, std::size_t points, std::span<const Body> bodies,
           std::string& traces) {
    std::string where;
    scheduler().set_look([&] {
      stage.look();
      if (!stage.problem().empty() && where.empty()) {
        where = "seen after " + std::to_string(scheduler().points()) + " points\n";
      }
    });
    scheduler().run(seed, points, bodies);
    scheduler().set_look(nullptr);
    traces += where + scheduler().trace() + "\n";
  }
};

void put_all(Stage& stage, std::uint64_t keys) {
  for (std::uint64_t key = 0; key < keys; ++key) stage.put(key);
}

/// Slots of two sizes, and values that lie elsewhere.
const std::vector<std::size_t> kSizes = {40, 40, 90, 600};

TEST_F(StoreSchedule, ReplaceAgainstRead) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .sizes = kSizes},
           .before = [](Stage& stage) { put_all(stage, 2); },
           .threads = {{put, put, maintain, put},
                       {put, maintain, put},
                       {get, peek, get, drop},
                       {peek, get, drop, peek}}});
}

TEST_F(StoreSchedule, EvictAgainstRead) {
  explore({.stage = {.store = {.budget_bytes = 32 * kKiB, .shards = 1},
                     .keys = 3,
                     .sizes = {60},
                     .may_refuse = true},
           .before =
               [](Stage& stage) {
                 stage.crowd(1000);
                 put_all(stage, 3);
               },
           .threads = {{crowd, crowd, put, maintain, crowd, crowd},
                       {crowd, crowd, maintain, crowd, crowd},
                       {get, peek, drop, get, peek},
                       {peek, get, copy, drop, peek}},
           .seeds = 1500});
  EXPECT_GT(hits_, 0u);
  EXPECT_GT(misses_, 0u);
}

TEST_F(StoreSchedule, ExpireAgainstInsert) {
  using std::chrono::seconds;
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .sizes = kSizes, .mortal = true},
           .before =
               [](Stage& stage) {
                 // Over when the threads begin.
                 for (std::uint64_t key = 0; key < 2; ++key) {
                   stage.put(key, TimePoint() + seconds(1));
                 }
                 stage.set_now(TimePoint() + seconds(10));
                 for (std::uint64_t key = 0; key < 2; ++key) stage.forget(key);
               },
           .threads = {{put, maintain, put},
                       {maintain, put, maintain},
                       {get, get, peek, drop},
                       {get, peek, get}}});
}

TEST_F(StoreSchedule, GrowAgainstEverything) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .keys = 6},
           .before = [](Stage& stage) { put_all(stage, 6); },
           .threads = {{insert, insert, insert, maintain, insert, insert, insert},
                       {insert, insert, erase, insert, put, insert, insert},
                       {get, peek, erase, peek, get, put, peek},
                       {peek, get, drop, peek, maintain, peek}},
           .seeds = 1500});
}

TEST_F(StoreSchedule, ValueReleaseAgainstReclaim) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .keys = 1},
           .before = [](Stage& stage) { put_all(stage, 1); },
           .threads = {{put, maintain, put, maintain, put},
                       {get, pass, get, copy, drop, drop},
                       {take, copy, drop, take, drop},
                       {get, drop, take, copy, drop}},
           .seeds = 4000});
}

TEST_F(StoreSchedule, CompactionAgainstReadAndValues) {
  constexpr std::uint64_t kKeys = 4;
  std::vector<const void*> places;
  std::uint64_t moved = 0;
  const auto scatter = [&](Stage& stage) {
    // Each page has some of the crowd, then one or none of the keys.
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      stage.put(key);
      stage.crowd(30);
    }
    stage.drop_crowd();
    stage.fit_budget();
    places.clear();
    for (std::uint64_t key = 0; key < kKeys; ++key) places.push_back(stage.place_of(key));
  };
  const auto count_moved = [&](Stage& stage) {
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      const void* const place = stage.place_of(key);
      moved += place != nullptr && place != places[key];
    }
  };
  explore({.stage = {.store = {.budget_bytes = 64 * kKiB, .shards = 1},
                     .keys = kKeys,
                     .step_bytes = kKiB,
                     .may_refuse = true},
           .before = scatter,
           .threads = {{shrink, maintain, shrink},
                       {get, copy, peek, get, drop, drop},
                       {peek, get, erase, peek, drop},
                       {get, peek, drop, peek}},
           .after = count_moved,
           .seeds = 1500});
  EXPECT_GT(moved, 50u);
}

TEST_F(StoreSchedule, ClearAgainstValuesThatComeBack) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .sizes = kSizes},
           .before = [](Stage& stage) { put_all(stage, 2); },
           .threads = {{clear, put, clear},
                       {put, put, maintain, put},
                       {get, get, pass, drop, peek},
                       {get, take, copy, drop, drop}}});
}

TEST_F(StoreSchedule, ShrinkingAgainstReads) {
  explore({.stage = {.store = {.budget_bytes = 32 * kKiB, .shards = 1},
                     .keys = 3,
                     .sizes = {60},
                     .step_bytes = kKiB,
                     .may_refuse = true},
           .before =
               [](Stage& stage) {
                 stage.crowd(1000);
                 put_all(stage, 3);
               },
           .threads = {{shrink, shrink, maintain},
                       {put, crowd, crowd},
                       {get, peek, drop, get},
                       {peek, get, copy, drop}},
           .seeds = 1000});
  EXPECT_GT(misses_, 0u);
}

TEST_F(StoreSchedule, CollectionAgainstValuesThatComeBack) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .keys = 3},
           .before = [](Stage& stage) { put_all(stage, 3); },
           .threads = {{maintain}, {get, get, copy, get}, {get, get, get}},
           .second = [](Stage& stage) -> std::vector<schedule::Scheduler::Body> {
             return {[&stage] {
                       for (const Act act : {clear, maintain, put, maintain, maintain, maintain}) {
                         stage.act(0, act);
                       }
                     },
                     [&stage] { stage.drop_all(1); }, [&stage] { stage.drop_all(2); }};
           },
           .seeds = 3000});
}

TEST_F(StoreSchedule, DestructionAgainstValuesThatComeBack) {
  explore({.stage = {.store = {.budget_bytes = kMiB, .shards = 1}, .sizes = kSizes},
           .before = [](Stage& stage) { put_all(stage, 2); },
           .threads = {{put, maintain, put}, {get, get, copy}, {get, copy, get}, {get, put, get}},
           .second = [](Stage& stage) -> std::vector<schedule::Scheduler::Body> {
             return {[&stage] { stage.destroy_store(); }, [&stage] { stage.drop_all(1); },
                     [&stage] {
                       stage.act(2, copy);
                       stage.drop_all(2);
                     },
                     [&stage] { stage.drop_all(3); }};
           }});
}

TEST_F(StoreSchedule, ASeedIsAnInterleaving) {
  const auto traces = [] {
    std::vector<std::string> all;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Stage stage({.store = {.budget_bytes = kMiB, .shards = 1}}, seed);
      put_all(stage, 2);
      const auto body = [&stage](std::size_t thread) {
        return [&stage, thread] {
          for (const Act act : {get, put, maintain, peek, drop}) stage.act(thread, act);
        };
      };
      scheduler().run(seed, 100, {body(0), body(1), body(2)});
      all.push_back(scheduler().trace());
    }
    return all;
  };
  const std::vector<std::string> once = traces();
  EXPECT_EQ(once, traces());
  EXPECT_NE(once[1], once[2]);
}

}  // namespace
}  // namespace kith::store
