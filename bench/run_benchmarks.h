// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

namespace kith::bench {

/// Runs the registered benchmarks as the command line says. `--json FILE` writes the results there
/// as Google Benchmark's JSON; `defaults` are its flags that the command line may override.
/// `display` may be null: the console then. Returns main's exit code.
inline int run_benchmarks(int argc, char** argv, std::vector<std::string> defaults = {},
                          benchmark::BenchmarkReporter* display = nullptr) {
  std::vector<std::string> arguments = std::move(defaults);
  arguments.insert(arguments.begin(), argv[0]);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json" && i + 1 < argc) {
      arguments.push_back("--benchmark_out=" + std::string(argv[++i]));
      arguments.emplace_back("--benchmark_out_format=json");
    } else {
      arguments.emplace_back(argv[i]);
    }
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 1;
  if (display != nullptr) {
    benchmark::RunSpecifiedBenchmarks(display);
  } else {
    benchmark::RunSpecifiedBenchmarks();
  }
  return 0;
}

}  // namespace kith::bench
