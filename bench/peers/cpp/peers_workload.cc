// SPDX-License-Identifier: Apache-2.0
//
// Writes the files that all programs of the comparison read:
//
//   peers_workload DIRECTORY DRAWS
//
// DRAWS is how many hits are timed; each trace of the mode `ratio` is as long. The same DRAWS gives
// the same bytes everywhere.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/peers/cpp/workload.h"
#include "bench/zipf.h"

namespace kith::bench::peers {
namespace {

constexpr double kExponent = 0.99;
constexpr std::size_t kMinDraws = 100'000;
constexpr std::size_t kMaxDraws = 64'000'000;
constexpr std::size_t kWarmDraws = 1'000'000;
constexpr std::size_t kScans = 10;
/// Of the `scan` trace. A quarter of 4 000 000 draws is a million keys, all that are there.
constexpr std::size_t kScanShare = 4;

std::vector<BenchKey> keys() {
  std::vector<BenchKey> keys;
  keys.reserve(kPopularKeys + kOnceKeys);
  for (std::size_t n = 0; n < kPopularKeys + kOnceKeys; ++n) keys.push_back(BenchKey::nth(n));
  return keys;
}

std::vector<std::uint32_t> fill_order() {
  std::vector<std::uint32_t> order(kPopularKeys);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(1);
  rng.shuffle(std::span(order));
  return order;
}

std::vector<std::uint32_t> zipf_draws(const Zipf& zipf, std::size_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> draws;
  draws.reserve(count);
  Rng rng(seed);
  while (draws.size() < count) draws.push_back(static_cast<std::uint32_t>(zipf.draw(rng)));
  return draws;
}

/// Zipf draws with kScans scans among them, each of keys that nobody asks for again.
std::vector<std::uint32_t> scan_draws(const Zipf& zipf, std::size_t count, std::uint64_t seed) {
  const std::size_t scan_length = std::min(count / kScanShare, kOnceKeys) / kScans;
  const std::vector<std::uint32_t> popular = zipf_draws(zipf, count - scan_length * kScans, seed);
  std::vector<std::uint32_t> draws;
  draws.reserve(count);
  auto next_once = static_cast<std::uint32_t>(kPopularKeys);
  for (std::size_t scan = 0; scan < kScans; ++scan) {
    const auto from = popular.begin() + static_cast<std::ptrdiff_t>(popular.size() * scan / kScans);
    const auto to =
        popular.begin() + static_cast<std::ptrdiff_t>(popular.size() * (scan + 1) / kScans);
    draws.insert(draws.end(), from, to);
    for (std::size_t i = 0; i < scan_length; ++i) draws.push_back(next_once++);
  }
  return draws;
}

template <class Item>
void write(const std::string& directory, const char* file, const std::vector<Item>& items) {
  write_items(directory + "/" + file, std::span<const Item>(items));
}

int run(const std::string& directory, std::size_t draws) {
  const Zipf zipf(kPopularKeys, kExponent);
  write(directory, kKeysFile, keys());
  write(directory, kValueFile, std::vector<char>(kValueBytes, kValueByte));
  write(directory, kFillFile, fill_order());
  write(directory, kWarmFile, zipf_draws(zipf, kWarmDraws, 2));
  write(directory, kHitFile, zipf_draws(zipf, draws, 3));
  write(directory, kZipfFile, zipf_draws(zipf, draws, 4));
  write(directory, kScanFile, scan_draws(zipf, draws, 5));
  return 0;
}

}  // namespace
}  // namespace kith::bench::peers

int main(int argc, char** argv) {
  using namespace kith::bench::peers;
  const std::size_t draws = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (draws < kMinDraws || draws > kMaxDraws) {
    std::fprintf(stderr, "usage: %s DIRECTORY DRAWS (%zu to %zu)\n", argv[0], kMinDraws, kMaxDraws);
    return 2;
  }
  return run(argv[1], draws);
}
