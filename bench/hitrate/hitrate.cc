// SPDX-License-Identifier: Apache-2.0
//
// The hit ratio of kith's store on recorded requests, beside that of other policies and of the
// optimum: what the eviction policy is worth, apart from how fast it is. See usage() in options.cc.
//
// Exits with 0, with 1 when an output cannot be written, and with 2 when the command line or a
// trace is wrong.
#include <cstdio>
#include <string>
#include <vector>

#include "bench/hitrate/options.h"
#include "bench/hitrate/replay.h"
#include "bench/hitrate/report.h"
#include "bench/hitrate/trace.h"
#include "bench/machine.h"

namespace {

using namespace kith::bench::hitrate;  // NOLINT(google-build-using-namespace): it is its main

int wrong(const std::string& message) {
  std::fprintf(stderr, "hitrate: %s\n", message.c_str());
  return 2;
}

/// The caches to compare in; says which sizes are left out.
std::vector<Comparison> comparisons_of(const Trace& trace, Bound bound, const Options& options) {
  std::vector<Comparison> comparisons;
  for (const CacheSize& size : options.sizes) {
    auto spec = spec_of(trace, bound, size);
    if (!spec) {
      std::printf("note: %s, size %s: fewer than %d objects, left out\n", trace.name().c_str(),
                  size.label().c_str(), static_cast<int>(kMinObjects));
      continue;
    }
    spec->shards = options.shards;
    comparisons.push_back({.size = size, .spec = *spec, .scores = {}});
  }
  return comparisons;
}

void compare(const Trace& trace, const Options& options, Report& report) {
  std::vector<Bound> bounds;
  if (options.bound_objects) bounds.push_back(Bound::objects);
  if (options.bound_bytes && trace.has_sizes()) bounds.push_back(Bound::bytes);
  for (const Bound bound : bounds) {
    std::vector<Comparison> comparisons = comparisons_of(trace, bound, options);
    run(options.policies, comparisons, options.jobs);
    for (const Comparison& comparison : comparisons) report.add(comparison);
  }
}

bool write(const std::string& file, const std::string& text) {
  if (file.empty()) return true;
  std::FILE* out = std::fopen(file.c_str(), "w");
  bool written = out != nullptr && std::fwrite(text.data(), 1, text.size(), out) == text.size();
  if (out != nullptr && std::fclose(out) != 0) written = false;
  if (!written) std::fprintf(stderr, "hitrate: cannot write %s\n", file.c_str());
  return written;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) return wrong(options.error().message + "; try --help");
  if (options->help) {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  const std::string machine = kith::bench::machine_line();
  std::printf("machine: %s\n", machine.c_str());
  std::fflush(stdout);

  Report report;
  for (const PolicyKind* kind : options->policies) report.policies.emplace_back(kind->name);
  int code = 0;
  for (const std::string& file : options->files) {
    const auto trace = load_trace(file, options->format);
    if (!trace) {
      code = wrong(trace.error().message);
      break;
    }
    compare(*trace, *options, report);
  }
  std::fputs(to_table(report).c_str(), stdout);
  const bool json = write(options->json, to_json(report, machine));
  const bool svg = write(options->svg, to_svg(report));
  return json && svg ? code : 1;
}
