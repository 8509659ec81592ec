// SPDX-License-Identifier: Apache-2.0
// Runs simulations: a batch of seeds, or one seed with its story.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sim/pool/command.h"
#include "sim/runner.h"

#ifndef KITH_SIM_SEEDS_FILE
#define KITH_SIM_SEEDS_FILE "sim/seeds.txt"
#endif

namespace kith::sim {
namespace {

constexpr const char* kUsage =
    "kith_sim --seeds N [--first S] [--jobs J] [--scenario NAME] [--verbose]\n"
    "    runs seeds S to S+N-1 (S is 1 unless said), and before them those of sim/seeds.txt\n"
    "kith_sim --seed S [--scenario NAME] [--trace]\n"
    "    runs one seed; --trace prints what happens\n"
    "kith_sim --list\n"
    "    lists the scenarios\n";

/// A batch of at least this many seeds of all scenarios must hit every mark.
constexpr std::uint64_t kEnoughForMarks = 500;

struct Arguments {
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  bool one = false;
  unsigned jobs = 0;
  const Scenario* scenario = nullptr;
  bool verbose = false;
  bool trace = false;
  bool list = false;
};

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto text = [&]() -> std::string_view { return i + 1 < count ? words[++i] : ""; };
    const auto number = [&](auto& into) {
      const std::string_view digits = text();
      const auto end = digits.data() + digits.size();
      const auto [stop, error] = std::from_chars(digits.data(), end, into);
      return error == std::errc() && stop == end && !digits.empty();
    };
    bool good = true;
    if (word == "--seeds") {
      good = number(arguments.seeds);
    } else if (word == "--first") {
      good = number(arguments.first);
    } else if (word == "--seed") {
      good = arguments.one = number(arguments.seed);
    } else if (word == "--jobs") {
      good = number(arguments.jobs) && arguments.jobs <= 256;
    } else if (word == "--scenario") {
      arguments.scenario = find_scenario(text());
      good = arguments.scenario != nullptr;
    } else if (word == "--verbose") {
      arguments.verbose = true;
    } else if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--list") {
      arguments.list = true;
    } else {
      good = false;
    }
    if (!good) {
      std::cerr << "kith_sim: " << word << " is not understood\n" << kUsage;
      return false;
    }
  }
  if (arguments.seeds == 0 && !arguments.one && !arguments.list) {
    std::cerr << kUsage << pool::kUsage;
    return false;
  }
  return true;
}

/// What this thread runs at present, so that a failed KITH_CHECK can be replayed too.
thread_local std::uint64_t running_seed = 0;

void on_abort(int) {
  char line[96];
  const int length = std::snprintf(line, sizeof line, "aborted in seed %llu; tools/repro.sh %llu\n",
                                   static_cast<unsigned long long>(running_seed),
                                   static_cast<unsigned long long>(running_seed));
  // Nothing is left to do when it cannot be written.
  if (write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0) _exit(3);
}

void print_verdict(const Outcome& outcome, std::ostream& out) {
  if (outcome.passed()) return;
  out << "FAILED seed " << outcome.seed << " (" << outcome.scenario->name << ")\n";
  for (const Finding& finding : outcome.findings) {
    const double seconds = std::chrono::duration<double>(finding.at.time_since_epoch()).count();
    char moment[32];
    std::snprintf(moment, sizeof moment, "%.6f", seconds);
    out << "  " << moment << "  " << finding.checker << ": " << finding.what << '\n';
  }
  if (outcome.scenario == &scenario_of(outcome.seed)) {
    out << "  tools/repro.sh " << outcome.seed << '\n';
  } else {
    out << "  kith_sim --seed " << outcome.seed << " --scenario " << outcome.scenario->name
        << " --trace\n";
  }
}

int run_one(const Arguments& arguments) {
  Views views;
  running_seed = arguments.seed;
  const Scenario& scenario =
      arguments.scenario != nullptr ? *arguments.scenario : scenario_of(arguments.seed);
  const Outcome outcome =
      run(arguments.seed, scenario, views, arguments.trace ? &std::cout : nullptr);
  print_verdict(outcome, std::cout);
  std::printf(
      "seed %llu  scenario %s  trace %016llx  %s\n", static_cast<unsigned long long>(outcome.seed),
      std::string(outcome.scenario->name).c_str(),
      static_cast<unsigned long long>(outcome.trace_hash), outcome.passed() ? "passed" : "FAILED");
  return outcome.passed() ? 0 : 1;
}

struct Task {
  std::uint64_t seed;
  const Scenario* scenario;
};

/// The seeds to run, those of the file first. Empty: the file names a scenario that is not there.
std::vector<Task> plan_batch(const Arguments& arguments) {
  std::vector<Task> tasks;
  std::ifstream file(KITH_SIM_SEEDS_FILE);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    Task task{0, nullptr};
    std::string name;
    words >> task.seed >> name;
    task.scenario = find_scenario(name);
    if (!words || task.scenario == nullptr) {
      std::cerr << "kith_sim: " << KITH_SIM_SEEDS_FILE << ": not understood: " << line << '\n';
      return {};
    }
    if (arguments.scenario == nullptr || arguments.scenario == task.scenario) tasks.push_back(task);
  }
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    const std::uint64_t seed = arguments.first + i;
    tasks.push_back(
        {seed, arguments.scenario != nullptr ? arguments.scenario : &scenario_of(seed)});
  }
  return tasks;
}

/// Sums over a batch.
struct Totals {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  Duration simulated = {};
  std::uint64_t requests = 0;
  std::uint64_t loads = 0;
  std::uint64_t messages = 0;
  /// Of all trace hashes, in any order of running.
  std::uint64_t hash = 0;
  MarkCounts marks = {};

  void add(const Outcome& outcome) {
    ++(outcome.passed() ? passed : failed);
    simulated += outcome.simulated;
    requests += outcome.requests;
    loads += outcome.loads;
    messages += outcome.messages;
    hash += outcome.trace_hash * (2 * outcome.seed + 1);
    sim::add(marks, outcome.marks);
  }
};

int run_batch(const Arguments& arguments) {
  const std::vector<Task> tasks = plan_batch(arguments);
  if (tasks.empty()) return 2;
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  Views views;
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable ended;
  Totals totals;
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++) {
      running_seed = tasks[i].seed;
      const auto start = elapsed();
      const Outcome outcome = run(tasks[i].seed, *tasks[i].scenario, views, nullptr);
      const double took = elapsed() - start;
      const std::lock_guard lock(mutex);
      totals.add(outcome);
      print_verdict(outcome, std::cout);
      if (arguments.verbose) {
        std::printf(
            "seed %llu  %-20s  %016llx  %6.1f ms  %6zu requests %5zu loads %7llu messages\n",
            static_cast<unsigned long long>(outcome.seed),
            std::string(outcome.scenario->name).c_str(),
            static_cast<unsigned long long>(outcome.trace_hash), took * 1e3, outcome.requests,
            outcome.loads, static_cast<unsigned long long>(outcome.messages));
      }
      if (totals.passed + totals.failed == tasks.size()) ended.notify_all();
    }
  };
  const unsigned jobs =
      arguments.jobs != 0 ? arguments.jobs : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < jobs; ++i) threads.emplace_back(work);
  {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, std::chrono::seconds(5),
                           [&] { return totals.passed + totals.failed == tasks.size(); })) {
      std::printf("[%4.0f s] %llu of %zu seeds, %llu failed\n", elapsed(),
                  static_cast<unsigned long long>(totals.passed + totals.failed), tasks.size(),
                  static_cast<unsigned long long>(totals.failed));
      std::fflush(stdout);
    }
  }
  threads.clear();

  const auto whole = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf(
      "%zu seeds in %.1f s: %.0f simulated seconds, %llu requests, %llu loads, "
      "%llu messages\n",
      tasks.size(), elapsed(), std::chrono::duration<double>(totals.simulated).count(),
      whole(totals.requests), whole(totals.loads), whole(totals.messages));
  std::printf("traces %016llx\nmarks:\n", whole(totals.hash));
  for (std::size_t i = 0; i < totals.marks.size(); ++i) {
    std::printf("  %-28s %12llu\n", std::string(to_string(static_cast<Mark>(i))).c_str(),
                whole(totals.marks[i]));
  }
  if (arguments.scenario == nullptr && arguments.seeds >= kEnoughForMarks) {
    for (const Mark mark : missed_marks(totals.marks)) {
      ++totals.failed;
      std::cout << "FAILED mark " << to_string(mark) << ": no seed reached it\n";
    }
  }
  std::cout << std::flush;
  std::printf("%llu passed, %llu failed\n", whole(totals.passed), whole(totals.failed));
  return totals.failed == 0 ? 0 : 1;
}

void list() {
  for (const Scenario& scenario : scenarios()) {
    std::printf("%-22s %2u  %s\n", std::string(scenario.name).c_str(), scenario.weight,
                std::string(scenario.about).c_str());
  }
}

}  // namespace
}  // namespace kith::sim

int main(int count, char** words) {
  const std::string_view command = count > 1 ? words[1] : "";
  if (command == "pool") return kith::sim::pool::run_scenario_command(count - 2, words + 2);
  if (command == "pool-table") return kith::sim::pool::run_table_command(count - 2, words + 2);
  kith::sim::Arguments arguments;
  if (!kith::sim::parse(count, words, arguments)) return 2;
  std::signal(SIGABRT, kith::sim::on_abort);
  if (arguments.list) {
    kith::sim::list();
    return 0;
  }
  return arguments.one ? kith::sim::run_one(arguments) : kith::sim::run_batch(arguments);
}
