// SPDX-License-Identifier: Apache-2.0
//
// How long a view takes to build, how even it is, and what a lookup costs.
// `--json FILE` writes the results there as Google Benchmark's JSON.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "bench/machine.h"
#include "bench/run_benchmarks.h"
#include "core/placement/view.h"

namespace {

using kith::NodeId;
using kith::SlotIndex;
using kith::placement::Member;
using kith::placement::View;

std::vector<Member> cluster(std::int64_t size) {
  std::vector<Member> members;
  for (std::int64_t i = 0; i < size; ++i) {
    members.push_back(
        {.name = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":7400"});
  }
  return members;
}

// Members of ten weights in three zones.
std::vector<Member> mixed_cluster(std::int64_t size) {
  std::vector<Member> members = cluster(size);
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i].weight = static_cast<std::uint32_t>(1 + i % 10);
    members[i].zone = std::string(1, static_cast<char>('a' + i % 3));
  }
  return members;
}

// Largest number of slots that a member owns, relative to its share.
double peak_over_share(const View& view) {
  std::unordered_map<std::uint64_t, double> owned;
  for (std::uint32_t slot = 0; slot < kith::kSlotCount; ++slot) {
    ++owned[view.owner(SlotIndex{static_cast<std::uint16_t>(slot)}).value];
  }
  double total = 0;
  for (const Member& member : view.members()) total += member.weight;
  double peak = 0;
  for (const Member& member : view.members()) {
    const double share = member.weight * double{kith::kSlotCount} / total;
    peak = std::max(peak, owned[kith::node_id(member.name).value] / share);
  }
  return peak;
}

void build(benchmark::State& state, std::vector<Member> (*members)(std::int64_t)) {
  const std::vector<Member> list = members(state.range(0));
  std::shared_ptr<const View> view;
  for (auto _ : state) view = View::build(list);
  state.counters["peak_over_share"] = peak_over_share(*view);
}
BENCHMARK_CAPTURE(build, equal, cluster)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(build, mixed, mixed_cluster)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

// The owner of a hash in hand, at random slots.
void lookup(benchmark::State& state) {
  const auto view = View::build(cluster(state.range(0)));
  kith::Rng rng(1);
  std::vector<std::uint64_t> hashes(4096);
  for (std::uint64_t& hash : hashes) hash = rng.next();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(view->owner(kith::slot_of(hashes[i++ % hashes.size()])));
  }
}
BENCHMARK(lookup)->Arg(10)->Arg(100)->Arg(1000);

// The owner of a 16-byte key, hashing included.
void hash_and_lookup(benchmark::State& state) {
  const auto view = View::build(cluster(state.range(0)));
  kith::Rng rng(1);
  std::vector<std::string> keys(4096);
  for (std::string& key : keys) {
    key = std::to_string(1'000'000'000'000'000 + rng.below(1'000'000'000'000'000));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    const std::uint64_t hash = kith::placement_hash(keys[i++ % keys.size()]);
    benchmark::DoNotOptimize(view->owner(kith::slot_of(hash)));
  }
}
BENCHMARK(hash_and_lookup)->Arg(100);

}  // namespace

int main(int argc, char** argv) {
  std::printf("machine: %s\n", kith::bench::machine_line().c_str());
  std::fflush(stdout);
  return kith::bench::run_benchmarks(argc, argv);
}
