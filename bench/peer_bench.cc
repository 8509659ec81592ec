// SPDX-License-Identifier: Apache-2.0
//
// What a get costs that another process answers: kith against memcached, in the same run on the
// same processors. See docs/benchmarks.md.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "bench/child_process.h"
#include "bench/kith_pair.h"
#include "bench/machine.h"
#include "bench/memcached_client.h"
#include "bench/sample.h"

namespace {

using namespace kith::bench;  // NOLINT(google-build-using-namespace): the program is part of it

constexpr std::uint64_t kWarmUpGets = 2'000;
constexpr std::uint64_t kProbeGets = 10'000;
constexpr std::uint64_t kFewestGets = 2'000;
constexpr std::uint64_t kMostGets = 5'000'000;
constexpr int kClientProcessor = 0;
constexpr int kServerProcessor = 1;

constexpr const char* kUsage =
    "usage: peer_bench [--quick] [--rounds N] [--seconds S] [--no-pin] [--json FILE]\n"
    "                  [--memcached PROGRAM] [--only kith|tls|memcached] [--level N] [--keys N]\n"
    "  --rounds N     1 to 100; each runs every system at every level once (default 5)\n"
    "  --seconds S    about how long one run takes, 0.05 to 10 (default 0.5)\n"
    "  --quick        --rounds 1 --seconds 0.1\n"
    "  --no-pin       do not bind the client to processor 0 and the servers to processor 1\n"
    "  --only SYSTEM  leave the others out; tls: plaintext against TLS, and no memcached\n"
    "  --keys N       how many keys are asked for in turn, 1 to 1000000 (default 10000)\n"
    "  --level N      only the levels whose name begins with this, such as 256\n";

struct Options {
  int rounds = 5;
  double seconds = 0.5;
  bool pin = true;
  std::string json;
  std::string memcached = "memcached";
  std::string only;
  std::string level;
  int keys = 10'000;
  std::string serve;
  /// Where the certificates are.
  std::string tls;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--quick") {
      options.rounds = 1;
      options.seconds = 0.1;
    } else if (flag == "--no-pin") {
      options.pin = false;
    } else if (i + 1 == argc) {
      return false;
    } else if (flag == "--rounds") {
      options.rounds = std::atoi(argv[++i]);
    } else if (flag == "--seconds") {
      options.seconds = std::atof(argv[++i]);
    } else if (flag == "--json") {
      options.json = argv[++i];
    } else if (flag == "--memcached") {
      options.memcached = argv[++i];
    } else if (flag == "--only") {
      options.only = argv[++i];
    } else if (flag == "--level") {
      options.level = argv[++i];
    } else if (flag == "--keys") {
      options.keys = std::atoi(argv[++i]);
    } else if (flag == "--server") {
      options.serve = argv[++i];
    } else if (flag == "--tls") {
      options.tls = argv[++i];
    } else {
      return false;
    }
  }
  return options.rounds >= 1 && options.rounds <= 100 && options.seconds >= 0.05 &&
         options.seconds <= 10 && options.keys >= 1 && options.keys <= 1'000'000;
}

struct Level {
  const char* name;
  Load load;
};
constexpr Level kAllLevels[] = {
    {"1 blocking", {.in_flight = 1, .blocking = true}},
    {"1 in flight", {.in_flight = 1}},
    {"32 in flight", {.in_flight = 32}},
    {"256 in flight", {.in_flight = 256}},
};

std::vector<Level> levels_of(const Options& options) {
  std::vector<Level> levels;
  for (const Level& level : kAllLevels) {
    if (std::string_view(level.name).starts_with(options.level)) levels.push_back(level);
  }
  return levels;
}

/// The middle of several measurements of one thing, and their extremes.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;

  static Spread of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return {values[values.size() / 2], values.front(), values.back()};
  }
};

/// Every sample of every round, by level and system.
class Results {
 public:
  void add(const std::string& level, const std::string& system, const Sample& sample) {
    samples_[{level, system}].push_back(sample);
  }

  bool has(const std::string& level, const std::string& system) const {
    return samples_.contains({level, system});
  }

  Spread spread(const std::string& level, const std::string& system, double Sample::*figure) const {
    std::vector<double> values;
    for (const Sample& sample : samples_.at({level, system})) values.push_back(sample.*figure);
    return Spread::of(std::move(values));
  }

  /// `a` over `b`, round by round.
  Spread ratio(const std::string& level, const std::string& a, const std::string& b,
               double Sample::*figure) const {
    const std::vector<Sample>& above = samples_.at({level, a});
    const std::vector<Sample>& below = samples_.at({level, b});
    std::vector<double> values;
    for (std::size_t i = 0; i < above.size(); ++i) {
      values.push_back(above[i].*figure / (below[i].*figure));
    }
    return Spread::of(std::move(values));
  }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<Sample>> samples_;
};

struct Figure {
  const char* name;
  double Sample::*figure;
  int decimals;
};
constexpr Figure kFigures[] = {
    {"gets_per_second", &Sample::gets_per_second, 0},
    {"p50_us", &Sample::p50_us, 1},
    {"p99_us", &Sample::p99_us, 1},
    {"server_cpu_us_per_get", &Sample::server_cpu_us, 3},
    {"client_cpu_us_per_get", &Sample::client_cpu_us, 3},
};

/// A comparison worth a line. `inverse`: less is better, so the ratio is theirs over kith's.
struct Comparison {
  const char* name;
  const char* level;
  const char* other;
  double Sample::*figure;
  bool inverse;
  /// What the project aims at; 0: nothing stated.
  double target;
};
constexpr Comparison kComparisons[] = {
    {"throughput, blocking", "1 blocking", "memcached text", &Sample::gets_per_second, false, 0},
    {"throughput, blocking", "1 blocking", "memcached meta", &Sample::gets_per_second, false, 0},
    {"throughput", "1 in flight", "memcached text", &Sample::gets_per_second, false, 1.0},
    {"throughput", "1 in flight", "memcached meta", &Sample::gets_per_second, false, 1.0},
    {"p50 latency", "1 in flight", "memcached text", &Sample::p50_us, true, 1.0},
    {"p50 latency", "1 in flight", "memcached meta", &Sample::p50_us, true, 1.0},
    {"throughput", "32 in flight", "memcached meta", &Sample::gets_per_second, false, 0},
    {"throughput", "256 in flight", "memcached text", &Sample::gets_per_second, false, 0},
    {"throughput", "256 in flight", "memcached meta", &Sample::gets_per_second, false, 0},
    {"server CPU per get", "256 in flight", "memcached text", &Sample::server_cpu_us, true, 0},
    {"server CPU per get", "256 in flight", "memcached meta", &Sample::server_cpu_us, true, 3.0},
    // What TLS costs: above 1, plaintext is so many times as good.
    {"throughput, blocking", "1 blocking", "kith tls", &Sample::gets_per_second, false, 0},
    {"throughput", "1 in flight", "kith tls", &Sample::gets_per_second, false, 0},
    {"p50 latency", "1 in flight", "kith tls", &Sample::p50_us, true, 0},
    {"throughput", "32 in flight", "kith tls", &Sample::gets_per_second, false, 0},
    {"throughput", "256 in flight", "kith tls", &Sample::gets_per_second, false, 0},
    {"server CPU per get", "256 in flight", "kith tls", &Sample::server_cpu_us, true, 0},
};

Spread ratio_of(const Results& results, const Comparison& c) {
  return c.inverse ? results.ratio(c.level, c.other, "kith", c.figure)
                   : results.ratio(c.level, "kith", c.other, c.figure);
}

void print(const Results& results, const std::vector<Level>& levels,
           const std::vector<std::string>& systems) {
  std::printf("\n%-14s %-15s %24s %22s %22s %24s %24s\n", "", "", "gets/s", "p50 us", "p99 us",
              "server CPU us/get", "client CPU us/get");
  for (const Level& level : levels) {
    for (const std::string& system : systems) {
      std::printf("%-14s %-15s", level.name, system.c_str());
      for (const Figure& figure : kFigures) {
        const Spread s = results.spread(level.name, system, figure.figure);
        std::printf("  %.*f (%.*f-%.*f)", figure.decimals, s.median, figure.decimals, s.min,
                    figure.decimals, s.max);
      }
      std::printf("\n");
    }
  }
  std::printf(
      "\nkith against others, above 1 is in kith's favour: median of the rounds "
      "(min-max)\n");
  for (const Comparison& c : kComparisons) {
    if (!results.has(c.level, "kith") || !results.has(c.level, c.other)) continue;
    const Spread s = ratio_of(results, c);
    std::printf("  %-14s %-22s vs %-15s %6.2fx (%.2f-%.2f)", c.level, c.name, c.other, s.median,
                s.min, s.max);
    if (c.target > 0) {
      std::printf("  target %.1fx: %s", c.target, s.median >= c.target ? "met" : "missed");
    }
    std::printf("\n");
  }
}

void write_spread(std::ostream& out, const Spread& s) {
  out << "{\"median\": " << s.median << ", \"min\": " << s.min << ", \"max\": " << s.max << "}";
}

bool write_json(const std::string& file, const Options& options, const Results& results,
                const std::vector<Level>& levels, const std::vector<std::string>& systems) {
  std::ofstream out(file);
  out << "{\n  \"machine\": \"" << machine_line() << "\",\n  \"keys\": " << options.keys
      << ",\n  \"rounds\": " << options.rounds << ",\n  \"seconds\": " << options.seconds
      << ",\n  \"runs\": [";
  const char* separator = "\n    ";
  for (const Level& level : levels) {
    for (const std::string& system : systems) {
      out << separator << "{\"level\": \"" << level.name << "\", \"system\": \"" << system << "\"";
      for (const Figure& figure : kFigures) {
        out << ", \"" << figure.name << "\": ";
        write_spread(out, results.spread(level.name, system, figure.figure));
      }
      out << "}";
      separator = ",\n    ";
    }
  }
  out << "\n  ],\n  \"ratios\": [";
  separator = "\n    ";
  for (const Comparison& c : kComparisons) {
    if (!results.has(c.level, "kith") || !results.has(c.level, c.other)) continue;
    out << separator << "{\"level\": \"" << c.level << "\", \"figure\": \"" << c.name
        << "\", \"against\": \"" << c.other << "\", \"target\": " << c.target << ", \"ratio\": ";
    write_spread(out, ratio_of(results, c));
    out << "}";
    separator = ",\n    ";
  }
  out << "\n  ]\n}\n";
  return static_cast<bool>(out.flush());
}

/// As many gets as take all systems about `seconds` on average, after a warm-up of each.
std::string gets_for(const Level& level, double seconds,
                     const std::vector<std::unique_ptr<System>>& systems, std::uint64_t& gets) {
  double log_rates = 0;
  for (const auto& system : systems) {
    Sample sample;
    std::string wrong = system->run(level.load, kWarmUpGets, sample);
    if (wrong.empty()) wrong = system->run(level.load, kProbeGets, sample);
    if (!wrong.empty()) return std::string(system->name()) + ": " + wrong;
    log_rates += std::log(sample.gets_per_second);
  }
  const double rate = std::exp(log_rates / static_cast<double>(systems.size()));
  gets = std::clamp(static_cast<std::uint64_t>(rate * seconds), kFewestGets, kMostGets);
  return "";
}

/// Alternates the systems within each level and round, beginning with another one each round.
std::string measure(const Options& options, const std::vector<Level>& levels,
                    const std::vector<std::unique_ptr<System>>& systems, Results& results) {
  std::vector<std::uint64_t> gets(levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    std::string wrong = gets_for(levels[i], options.seconds, systems, gets[i]);
    if (!wrong.empty()) return wrong;
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      for (std::size_t turn = 0; turn < systems.size(); ++turn) {
        System& system = *systems[(turn + static_cast<std::size_t>(round)) % systems.size()];
        Sample sample;
        const std::string wrong = system.run(levels[i].load, gets[i], sample);
        if (!wrong.empty()) return std::string(system.name()) + ": " + wrong;
        results.add(levels[i].name, system.name(), sample);
      }
    }
  }
  return "";
}

/// Goes away with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/kith-bench-XXXXXX";
};

int fail(const std::string& why) {
  std::fprintf(stderr, "peer_bench: %s\n", why.c_str());
  return 1;
}

int run(const Options& options) {
  const int server_processor = options.pin ? kServerProcessor : -1;
  std::printf("machine: %s\n", machine_line().c_str());
  std::printf("keys of 16 bytes, values of %zu, %d keys in turn, loopback, %s\n",
              Workload::kValueBytes, options.keys,
              options.pin ? "client on processor 0, servers on processor 1" : "not pinned");
  std::fflush(stdout);
  // Before the node starts its threads, which inherit it.
  if (options.pin) pin_to_processor(kClientProcessor);

  auto pair = KithPair::start("/proc/self/exe", server_processor, "");
  if (!pair) return fail(pair.error().message);
  const Workload workload = (*pair)->workload(static_cast<std::size_t>(options.keys));
  if (const std::string wrong = (*pair)->load_all(workload); !wrong.empty()) return fail(wrong);

  const TemporaryFolder certificates;
  std::optional<Workload> tls_workload;  // Its nodes have other names, and so other keys.
  std::unique_ptr<KithPair> tls_pair;
  if (options.only.empty() || options.only == "tls") {
    if (const std::string wrong = make_certificates(certificates.path()); !wrong.empty()) {
      return fail(wrong);
    }
    auto started = KithPair::start("/proc/self/exe", server_processor, certificates.path());
    if (!started) return fail(started.error().message);
    tls_pair = *std::move(started);
    tls_workload = tls_pair->workload(static_cast<std::size_t>(options.keys));
    if (const std::string wrong = tls_pair->load_all(*tls_workload); !wrong.empty()) {
      return fail(wrong);
    }
  }

  std::unique_ptr<MemcachedServer> memcached;
  std::vector<std::unique_ptr<System>> systems;
  if (options.only != "memcached") systems.push_back(*std::move(pair));
  if (tls_pair != nullptr) systems.push_back(std::move(tls_pair));
  if (options.only != "kith" && options.only != "tls") {
    memcached = std::make_unique<MemcachedServer>(options.memcached, server_processor);
    for (const auto protocol : {MemcachedClient::Protocol::text, MemcachedClient::Protocol::meta}) {
      auto client = std::make_unique<MemcachedClient>(protocol, *memcached, workload);
      if (const std::string wrong = client->store_all(); !wrong.empty()) {
        std::printf("left out, %s: %s\n", client->name(), wrong.c_str());
        continue;
      }
      systems.push_back(std::move(client));
    }
  }
  if (systems.empty()) return fail("nothing to measure");

  const std::vector<Level> levels = levels_of(options);
  Results results;
  if (const std::string wrong = measure(options, levels, systems, results); !wrong.empty()) {
    return fail(wrong);
  }
  std::vector<std::string> names;
  for (const auto& system : systems) names.emplace_back(system->name());
  print(results, levels, names);
  if (!options.json.empty() && !write_json(options.json, options, results, levels, names)) {
    return fail("cannot write " + options.json);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (!options.serve.empty()) return serve_kith(options.serve, options.tls);
  return run(options);
}
