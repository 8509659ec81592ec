// SPDX-License-Identifier: Apache-2.0
// Plays an audience to three tiles processes, with kith and without, and shows the difference.
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "audience.h"
#include "cluster.h"
#include "live.h"
#include "progress_line.h"
#include "report.h"
#include "script.h"
#include "stop_signals.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kProcesses = 3;
constexpr auto kStartTimeout = std::chrono::seconds(15);
/// An audience that is not through by then has met processes that hang.
constexpr auto kRunTimeout = std::chrono::seconds(180);
constexpr int kInterruptedExit = 130;

constexpr std::string_view kUsage =
    "usage: tiles_demo [--quick] [--seed N] [--tiles PROGRAM]\n"
    "       tiles_demo --live [--seconds N] [--tiles PROGRAM]\n"
    "  --quick    a small audience\n"
    "  --seed     another audience; 1 unless told\n"
    "  --live     three processes for your browser, until Ctrl-C or for N seconds\n"
    "  --tiles    the tiles program; the one beside this program unless told\n";

struct Options {
  bool quick = false;
  bool live = false;
  std::uint64_t seed = 1;
  std::chrono::seconds seconds = std::chrono::hours(24 * 365);
  std::string program;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Empty: the arguments are wrong.
std::optional<Options> parse(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if (name == "--quick") {
      options.quick = true;
    } else if (name == "--live") {
      options.live = true;
    } else if (name == "--tiles" && has_value) {
      options.program = arguments[++i];
    } else if ((name == "--seed" || name == "--seconds") && has_value) {
      const auto number = parse_number(arguments[++i]);
      if (!number || *number > 1'000'000'000) return std::nullopt;
      if (name == "--seed") options.seed = *number;
      if (name == "--seconds") options.seconds = std::chrono::seconds(*number);
    } else {
      return std::nullopt;
    }
  }
  if (options.program.empty()) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    options.program = (self.parent_path() / "tiles").string();
  }
  return options;
}

tiles::ScriptOptions script_options(const Options& options) {
  tiles::ScriptOptions script{.seed = options.seed};
  if (options.quick) {
    script.viewers = 24;
    script.views_each = 10;
    script.sights = 3;
    script.depth = 2;
    script.shortest_pause = std::chrono::milliseconds(20);
    script.longest_pause = std::chrono::milliseconds(60);
  }
  return script;
}

kith::Result<tiles::RunResult> run(const Options& options, const std::vector<tiles::Visit>& script,
                                   bool sharing, tiles::Gallery& gallery,
                                   tiles::StopSignals& signals) {
  const auto addresses = tiles::free_addresses(kProcesses);
  if (!addresses) return tl::unexpected(addresses.error());
  auto cluster = tiles::Cluster::start(options.program, *addresses, {.sharing = sharing});
  if (!cluster) return tl::unexpected(cluster.error());
  if (const auto healthy = cluster->wait_together(kStartTimeout, signals); !healthy) {
    return tl::unexpected(healthy.error());
  }

  tiles::RunResult result;
  result.addresses = *addresses;
  std::vector<std::string> servers;
  for (const auto& process : *addresses) servers.push_back(process.http);

  const std::string name = sharing ? "with kith      " : "without sharing";
  tiles::ProgressLine progress;
  const auto begin = Clock::now();
  const auto line = [&](const tiles::Experience& experience) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin);
    return name + "  " + std::to_string(seconds.count()) + " s  " + tiles::summary(experience);
  };
  result.experience =
      tiles::play(script, servers, gallery, [&](const tiles::Experience& experience) {
        if (progress.due()) progress.show(line(experience));
        return !signals.raised() && Clock::now() - begin < kRunTimeout;
      });
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  progress.finish(line(result.experience));
  if (signals.raised()) return kith::fail(kith::ErrorCode::cancelled, "stopped by a signal");
  if (result.experience.interrupted) {
    return kith::fail(kith::ErrorCode::timed_out, "the audience did not get through in time");
  }

  auto stats = cluster->stats();
  if (!stats) {
    for (const std::string& complaint : result.experience.complaints)
      std::cerr << complaint << "\n";
    return tl::unexpected(stats.error());
  }
  result.processes = *std::move(stats);
  return result;
}

int compare(const Options& options, tiles::StopSignals& signals) {
  const auto script = tiles::write_script(script_options(options));
  std::cout << script.size() << " viewers wander about a map that " << kProcesses
            << " processes serve: " << tiles::request_count(script) << " requests, twice.\n";
  tiles::Gallery gallery;
  const auto shared = run(options, script, true, gallery, signals);
  if (!shared) {
    std::cerr << "tiles_demo: with kith: " << shared.error() << "\n";
    return signals.raised() ? kInterruptedExit : EXIT_FAILURE;
  }
  const auto alone = run(options, script, false, gallery, signals);
  if (!alone) {
    std::cerr << "tiles_demo: without sharing: " << alone.error() << "\n";
    return signals.raised() ? kInterruptedExit : EXIT_FAILURE;
  }
  tiles::print_report(std::cout, *shared, *alone);
  const auto faults = tiles::faults(*shared, *alone);
  for (const std::string& fault : faults) std::cout << "WRONG: " << fault << "\n";
  tiles::print_machine_line(std::cout, *shared, *alone);
  return faults.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse({argv, static_cast<std::size_t>(argc)});
  if (!options) {
    std::cerr << kUsage;
    return 2;
  }
  tiles::StopSignals signals;
  return options->live ? tiles::run_live(options->program, options->seconds, signals)
                       : compare(*options, signals);
}
