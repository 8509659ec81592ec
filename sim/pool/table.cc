// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/table.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "sim/pool/scenario.h"

namespace kith::sim::pool {
namespace {

/// Which runs a row is about. Rows that name the same share them.
struct Runs {
  std::string_view scenario;
  std::size_t nodes;
  double loss = 0;
  /// Of each run, in a test run and in all.
  double few_hours = 1;
  double hours = 1;
  bool lifeguard = true;
  /// Seeds of each.
  int few = 1;
  int full = 1;

  auto key() const { return std::tuple(scenario, nodes, loss, hours, lifeguard); }
  friend bool operator<(const Runs& a, const Runs& b) { return a.key() < b.key(); }
};

enum class Of : std::uint8_t {
  seeds,  ///< Median, least and most of all seeds.
  sum,    ///< Of all seeds.
};

struct Row {
  std::string_view id;
  std::string_view what;
  Runs runs;
  std::string_view number;
  std::string_view unit;
  std::string_view target;
  Of of = Of::seeds;
  /// Full size alone.
  bool full = false;
};

constexpr Runs vanish(std::size_t nodes, int few, int full, double loss = 0) {
  return {"host_vanishes", nodes, loss, 0, 0, true, few, full};
}
constexpr Runs simple(std::string_view scenario, std::size_t nodes, int few, int full,
                      double loss = 0) {
  return {scenario, nodes, loss, 0, 0, true, few, full};
}

constexpr Row kRows[] = {
    // clang-format off
    {"M1", "host vanishes, first suspicion anywhere, N=100", vanish(100, 10, 60), "first_suspicion_s", "s", ""},
    {"M1", "avoided by 99 %, N=10", vanish(10, 10, 60), "avoided_99_s", "s", "median 1.7, worst 3.6"},
    {"M1", "avoided by 99 %, N=100", vanish(100, 10, 60), "avoided_99_s", "s", "median 1.7, worst 3.6"},
    {"M1", "avoided by 99 %, N=100, 5 % loss", vanish(100, 10, 60, 0.05), "avoided_99_s", "s", "median 1.7, worst 3.6"},
    {"M1", "avoided by 99 %, N=1000", vanish(1000, 0, 12), "avoided_99_s", "s", "median 1.7, worst 3.6", Of::seeds, true},
    {"M1", "avoided by 99 %, N=5000", vanish(5000, 0, 2), "avoided_99_s", "s", "median 1.7, worst 3.6", Of::seeds, true},
    {"M2", "dead for all, N=10", vanish(10, 10, 60), "dead_all_s", "s", "median 5.9"},
    {"M2", "dead for all, N=100", vanish(100, 10, 60), "dead_all_s", "s", "median 6.0"},
    {"M2", "dead for all, N=1000", vanish(1000, 0, 12), "dead_all_s", "s", "median 7.1", Of::seeds, true},
    {"M2", "dead for all, N=5000", vanish(5000, 0, 2), "dead_all_s", "s", "median 8.5", Of::seeds, true},
    {"M3", "process dies, avoided by 99 %, N=10", simple("process_killed", 10, 10, 60), "avoided_99_s", "s", "0.15"},
    {"M3", "process dies, dead for all, N=10", simple("process_killed", 10, 10, 60), "dead_all_s", "s", "1.3"},
    {"M3", "process dies, avoided by 99 %, N=100", simple("process_killed", 100, 10, 60), "avoided_99_s", "s", "0.15"},
    {"M3", "process dies, dead for all, N=100", simple("process_killed", 100, 10, 60), "dead_all_s", "s", "1.3"},
    {"M4", "5 % loss, N=100: living declared dead", {"lossy_hours", 100, 0.05, 0.05, 5, true, 1, 20}, "false_dead", "", "0", Of::sum},
    {"M4", "... living declared unreachable", {"lossy_hours", 100, 0.05, 0.05, 5, true, 1, 20}, "false_unreachable", "", "0", Of::sum},
    {"M4", "... suspicions per node and hour", {"lossy_hours", 100, 0.05, 0.05, 5, true, 1, 20}, "suspicions_per_node_hour", "", "0.01"},
    {"M4", "... node-hours", {"lossy_hours", 100, 0.05, 0.05, 5, true, 1, 20}, "node_hours", "", "", Of::sum},
    {"M4b", "10 % loss, N=100: living declared dead", {"lossy_hours", 100, 0.1, 0.05, 1, true, 1, 10}, "false_dead", "", "0 in 1 h", Of::sum},
    {"M4b", "... node-hours", {"lossy_hours", 100, 0.1, 0.05, 1, true, 1, 10}, "node_hours", "", "", Of::sum},
    {"M4b", "10 % loss, N=100, Lifeguard off: living declared dead", {"lossy_hours", 100, 0.1, 0.05, 1, false, 1, 10}, "false_dead", "", "", Of::sum},
    {"M5", "20 % loss, N=100: living declared dead", {"lossy_hours", 100, 0.2, 0.03, 1, true, 1, 10}, "false_dead", "", "0", Of::sum},
    {"M5", "... per node and hour", {"lossy_hours", 100, 0.2, 0.03, 1, true, 1, 10}, "false_dead_per_node_hour", "", "0"},
    {"M5", "... suspicions per node and hour", {"lossy_hours", 100, 0.2, 0.03, 1, true, 1, 10}, "suspicions_per_node_hour", "", "10"},
    {"M5", "... bytes per node and second", {"lossy_hours", 100, 0.2, 0.03, 1, true, 1, 10}, "bytes_per_node_s", "B/s", "2500"},
    {"M5", "20 % loss, N=1000: living declared dead per node and hour", {"lossy_hours", 1000, 0.2, 0, 0.033, true, 0, 5}, "false_dead_per_node_hour", "", "0", Of::seeds, true},
    {"M5", "... suspicions per node and hour", {"lossy_hours", 1000, 0.2, 0, 0.033, true, 0, 5}, "suspicions_per_node_hour", "", "10", Of::seeds, true},
    {"M5", "... bytes per node and second", {"lossy_hours", 1000, 0.2, 0, 0.033, true, 0, 5}, "bytes_per_node_s", "B/s", "2500", Of::seeds, true},
    {"M6", "20 of 100 paused 5 s in a tight loop, 10 min: awake members declared dead", simple("tight_pauses", 100, 1, 10), "awake_declared_dead", "", "0", Of::sum},
    {"M6", "... deaths per pause", simple("tight_pauses", 100, 1, 10), "dead_per_pause", "", "0.02"},
    {"M6", "... declarations, all observers'", simple("tight_pauses", 100, 1, 10), "declarations", "", "", Of::sum},
    {"M6", "5 of 100 paused 1-5 s now and then: declared dead", {"short_pauses", 100, 0, 0.1, 1, true, 1, 10}, "paused_declared_dead", "", "0", Of::sum},
    {"M6b", "10 of 100 paused 1-30 s, 10 % loss: awake members declared dead", {"paused_members", 100, 0.1, 0.05, 1, true, 1, 10}, "awake_declared_dead", "", "0", Of::sum},
    {"M6b", "... members dead while paused, of all pauses", {"paused_members", 100, 0.1, 0.05, 1, true, 1, 10}, "dead_per_pause", "", ""},
    {"M6b", "the same, Lifeguard off: awake members declared dead", {"paused_members", 100, 0.1, 0.05, 1, false, 1, 10}, "awake_declared_dead", "", "", Of::sum},
    {"M6b", "... members dead while paused, of all pauses", {"paused_members", 100, 0.1, 0.05, 1, false, 1, 10}, "dead_per_pause", "", ""},
    {"M7", "idle, packets alone, N=10", simple("idle", 10, 1, 3), "packet_bytes_per_node_s", "B/s", "320"},
    {"M7", "idle, packets alone, N=100", simple("idle", 100, 1, 3), "packet_bytes_per_node_s", "B/s", "320"},
    {"M7", "idle, packets alone, N=1000", simple("idle", 1000, 0, 2), "packet_bytes_per_node_s", "B/s", "320", Of::seeds, true},
    {"M7", "idle, packets alone, N=5000", simple("idle", 5000, 0, 1), "packet_bytes_per_node_s", "B/s", "320", Of::seeds, true},
    {"M7", "idle, push/pull included, N=10", simple("idle", 10, 1, 3), "bytes_per_node_s", "B/s", "320"},
    {"M7", "idle, push/pull included, N=100", simple("idle", 100, 1, 3), "bytes_per_node_s", "B/s", "320"},
    {"M7", "idle, push/pull included, N=1000", simple("idle", 1000, 0, 2), "bytes_per_node_s", "B/s", "320", Of::seeds, true},
    {"M7", "idle, push/pull included, N=5000", simple("idle", 5000, 0, 1), "bytes_per_node_s", "B/s", "320", Of::seeds, true},
    {"M7", "idle, packets per node and second, N=100", simple("idle", 100, 1, 3), "packets_per_node_s", "", ""},
    {"M7", "idle, packets per node and second, N=5000", simple("idle", 5000, 0, 1), "packets_per_node_s", "", "", Of::seeds, true},
    {"M8", "join known by 99 %, N=10", simple("join_spreads", 10, 10, 30), "known_99_s", "s", "0.2"},
    {"M8", "join known by 99 %, N=100", simple("join_spreads", 100, 10, 30), "known_99_s", "s", "0.3"},
    {"M8", "join known by 99 %, N=1000", simple("join_spreads", 1000, 0, 10), "known_99_s", "s", "0.4", Of::seeds, true},
    {"M8", "join known by 99 %, N=5000", simple("join_spreads", 5000, 0, 2), "known_99_s", "s", "0.5", Of::seeds, true},
    {"M8", "... missed by gossip (left to push/pull), N=1000", simple("join_spreads", 1000, 0, 10), "missed_by_gossip", "", "0", Of::sum, true},
    {"M8", "join known by 99 %, N=100, 20 % loss", simple("join_spreads", 100, 10, 30, 0.2), "known_99_s", "s", "0.4"},
    {"M8", "change known by all, N=100", simple("change_spreads", 100, 10, 30), "known_all_s", "s", "0.3"},
    {"M8", "change known by all, N=1000", simple("change_spreads", 1000, 0, 10), "known_all_s", "s", "0.4", Of::seeds, true},
    {"M9", "halves apart for 120 s, one view after, N=10", simple("halves", 10, 3, 10), "agreed_s", "s", "median 1, worst 5"},
    {"M9", "halves apart for 120 s, one view after, N=100", simple("halves", 100, 1, 10), "agreed_s", "s", "median 1, worst 5"},
    {"M9", "... sent per node till then", simple("halves", 100, 1, 10), "kilobytes_per_node", "KB", "500"},
    {"M9", "halves apart for 120 s, one view after, N=1000", simple("halves", 1000, 0, 2), "agreed_s", "s", "10", Of::seeds, true},
    {"M9", "... sent per node till then", simple("halves", 1000, 0, 2), "kilobytes_per_node", "KB", "500", Of::seeds, true},
    {"M9b", "partitions of 8 shapes for 60 s, N=20: worst time to one view", simple("partition_shapes", 20, 1, 10), "worst_agreed_s", "s", "30"},
    {"M10", "restart at another address, N=100", simple("new_address", 100, 5, 20), "agreed_s", "s", "2"},
    {"M10", "two swap addresses, N=100", simple("swapped_addresses", 100, 5, 20), "agreed_s", "s", "2"},
    {"M10", "20 % renamed in place, N=100: new names known", simple("renamed_fifth", 100, 3, 10), "new_names_known_s", "s", "2"},
    {"M10", "... and the old ones dead", simple("renamed_fifth", 100, 3, 10), "agreed_s", "s", "2"},
    {"M10", "rolling restart, N=20, names and addresses used again: worst", simple("rolling_restart", 20, 2, 10), "worst_agreed_s", "s", "2"},
    {"M10", "... name conflicts reported", simple("rolling_restart", 20, 2, 10), "conflicts", "", "0", Of::sum},
    {"M11", "new node learns 2000 members", simple("newcomer", 2000, 0, 3), "knows_all_s", "s", "1", Of::seeds, true},
    {"M11", "new node learns 200 members", simple("newcomer", 200, 2, 3), "knows_all_s", "s", "1"},
    {"M12", "rack of 20 of 200 dies: views per survivor, most", simple("rack_dies", 200, 1, 5), "views_most", "", "1"},
    {"M12", "... views per survivor, median", simple("rack_dies", 200, 1, 5), "views_median", "", "1"},
    {"M12", "... dead for all", simple("rack_dies", 200, 1, 5), "agreed_s", "s", ""},
    {"M13", "broken between two of 20 (one way, UDP, TCP, all), 10 min each: deaths", simple("bad_pair", 20, 2, 10), "deaths", "", "0", Of::sum},
    {"M13", "... declared unreachable", simple("bad_pair", 20, 2, 10), "unreachable", "", "", Of::sum},
    {"M14", "keys rotated while 10 of 100 are down: deaths", simple("key_rotation", 100, 1, 5), "deaths", "", "0", Of::sum},
    {"C", "cold start of 3-50: one cluster", simple("cold_start", 0, 100, 1000), "one_cluster_s", "s", "15"},
    {"C", "200 clock jumps, N=100: deaths", simple("clock_jumps", 100, 1, 5), "deaths", "", "0", Of::sum},
    // clang-format on
};

using Results = std::vector<Outcome>;

struct Task {
  const Runs* runs;
  Variant variant;
  std::size_t seed;
  Results* results;
};

const double* find(const Outcome& outcome, std::string_view name) {
  const auto found =
      std::ranges::find(outcome.numbers, name, &std::pair<std::string, double>::first);
  return found == outcome.numbers.end() ? nullptr : &found->second;
}

std::string text(double value, std::string_view unit = {}) {
  if (value >= kNever) return "never";
  char digits[32];
  const int decimals = value == static_cast<double>(static_cast<long long>(value)) ? 0
                       : value < 0.1                                               ? 4
                       : value < 10                                                ? 2
                       : value < 100                                               ? 1
                                                                                   : 0;
  std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
  return std::string(digits).append(unit.empty() ? "" : " ").append(unit);
}

std::string cell(const Row& row, const Results& results) {
  std::vector<double> values;
  for (const Outcome& outcome : results) {
    if (const double* value = find(outcome, row.number)) values.push_back(*value);
  }
  if (values.empty()) return "-";
  std::ranges::sort(values);
  if (row.of == Of::sum) {
    double sum = 0;
    for (const double value : values) sum += value;
    return text(sum, row.unit);
  }
  const std::string middle = text(values[values.size() / 2], row.unit);
  if (values.size() == 1) return middle;
  return middle + " (" + text(values.front()) + "–" + text(values.back()) + ")";
}

/// Prints what was found in the runs. Returns whether there was nothing.
bool report(const Runs& runs, Variant variant, const Results& results, std::ostream& out) {
  bool good = true;
  for (std::size_t i = 0; i < results.size(); ++i) {
    Findings findings = results[i].findings;
    const Findings& broken = results[i].broken;
    // memberlist promises nothing; its figures say what it does.
    if (variant == Variant::kith) findings.insert(findings.end(), broken.begin(), broken.end());
    for (const Finding& finding : findings) {
      good = false;
      out << "FAILED " << runs.scenario << " --nodes " << runs.nodes << " --seed " << i + 1
          << " --variant " << (variant == Variant::kith ? "kith" : "memberlist") << " at "
          << text(seconds(finding.at.time_since_epoch())) << ": " << finding.checker << ": "
          << finding.what << '\n';
    }
  }
  return good;
}

/// Pools from here on have the machine's memory for themselves.
constexpr std::size_t kLarge = 2000;

void run(const std::vector<Task>& tasks, const TableSize& size) {
  std::atomic<std::size_t> next{0};
  std::mutex large;
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++) {
      const Task& task = tasks[i];
      const Scenario* scenario = find_scenario(task.runs->scenario);
      KITH_CHECK(scenario != nullptr);
      std::unique_lock<std::mutex> alone(large, std::defer_lock);
      if (task.runs->nodes >= kLarge) alone.lock();
      const Setting setting{task.variant,    task.runs->nodes,
                            task.seed + 1,   task.runs->lifeguard,
                            task.runs->loss, size.full ? task.runs->hours : task.runs->few_hours};
      (*task.results)[task.seed] = scenario->run(setting);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < size.jobs; ++i) threads.emplace_back(work);
}

}  // namespace

bool print_table(const TableSize& size, std::ostream& out) {
  std::map<std::pair<Runs, Variant>, Results> all;
  std::vector<Task> tasks;
  std::vector<const Row*> rows;
  for (const Row& row : kRows) {
    if ((row.full && !size.full) || row.runs.nodes > size.most_nodes) continue;
    if (!row.id.starts_with(size.only)) continue;
    rows.push_back(&row);
    for (const Variant variant : {Variant::kith, Variant::memberlist}) {
      const auto [entry, added] = all.try_emplace({row.runs, variant});
      if (!added) continue;
      const double seeds = size.full ? row.runs.full * size.scale : row.runs.few;
      entry->second.resize(static_cast<std::size_t>(std::max(1.0, seeds)));
      for (std::size_t seed = 0; seed < entry->second.size(); ++seed) {
        tasks.push_back({&entry->first.first, variant, seed, &entry->second});
      }
    }
  }
  run(tasks, size);

  out << "| # | scenario | kith | memberlist | target |\n|---|---|---|---|---|\n";
  for (const Row* row : rows) {
    const Results& kith = all.at({row->runs, Variant::kith});
    const Results& memberlist = all.at({row->runs, Variant::memberlist});
    out << "| " << row->id << " | " << row->what << " | " << cell(*row, kith) << " | "
        << cell(*row, memberlist) << " | " << row->target << " |\n";
  }
  out << '\n';
  bool good = true;
  std::uint64_t steps = 0;
  std::uint64_t trace = 0;
  for (const auto& [which, results] : all) {
    good = report(which.first, which.second, results, out) && good;
    for (const Outcome& outcome : results) {
      steps += outcome.steps;
      trace += outcome.trace;
    }
  }
  char line[96];
  std::snprintf(line, sizeof line, "%zu runs, %llu steps, trace %016llx\n", tasks.size(),
                static_cast<unsigned long long>(steps), static_cast<unsigned long long>(trace));
  out << line;
  return good;
}

}  // namespace kith::sim::pool
