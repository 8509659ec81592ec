// SPDX-License-Identifier: Apache-2.0
//
// The files that all programs of the comparison read, in all languages. Numbers are little endian.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/zipf.h"

namespace kith::bench::peers {

static_assert(std::endian::native == std::endian::little, "the files are little endian");

/// Keys that the Zipf draws choose from: the first of keys.bin.
inline constexpr std::size_t kPopularKeys = 1'000'000;
/// Keys that are used once, by inserts and scans: the rest of keys.bin.
inline constexpr std::size_t kOnceKeys = 1'000'000;
inline constexpr std::size_t kValueBytes = 100;
/// Entries that a bounded cache holds in the modes `insert` and `ratio`.
inline constexpr std::size_t kBoundedEntries = 100'000;
/// Bound of the caches that are to hold all popular keys: ample, so that uneven shards lose
/// nothing.
inline constexpr std::size_t kAmpleEntries = 1'250'000;

/// What every value consists of.
inline constexpr char kValueByte = 'v';

inline constexpr const char* kKeysFile = "keys.bin";
inline constexpr const char* kValueFile = "value.bin";
/// The popular keys in an order that has nothing to do with their popularity.
inline constexpr const char* kFillFile = "fill.u32";
/// Draws before the clock starts, and while it runs.
inline constexpr const char* kWarmFile = "warm.u32";
inline constexpr const char* kHitFile = "hit.u32";
/// The traces of the mode `ratio`.
inline constexpr const char* kZipfFile = "ratio_zipf.u32";
inline constexpr const char* kScanFile = "ratio_scan.u32";

/// The length of a value of which the first byte is right, else 0: a hit reads the value itself, or
/// some caches would never touch its memory.
inline std::size_t checked_size(std::string_view value) {
  return !value.empty() && value.front() == kValueByte ? value.size() : 0;
}

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  std::exit(1);
}

/// All of a file's items. Ends the program when there are none or a part of one.
template <class Item>
std::vector<Item> read_items(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) die("cannot open " + path);
  const auto size = static_cast<std::size_t>(file.tellg());
  if (size == 0 || size % sizeof(Item) != 0) die(path + " has a wrong size");
  std::vector<Item> items(size / sizeof(Item));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(items.data()), static_cast<std::streamsize>(size));
  if (!file) die("cannot read " + path);
  return items;
}

template <class Item>
void write_items(const std::string& path, std::span<const Item> items) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(items.data()),
             static_cast<std::streamsize>(items.size_bytes()));
  if (!file.flush()) die("cannot write " + path);
}

/// A directory with the files, opened by a program that measures.
class Workload {
 public:
  explicit Workload(std::string directory) : directory_(std::move(directory)) {
    keys_ = read_items<BenchKey>(path(kKeysFile));
    if (keys_.size() != kPopularKeys + kOnceKeys) die("keys.bin has a wrong number of keys");
    const std::vector<char> value = read_items<char>(path(kValueFile));
    if (value.size() != kValueBytes) die("value.bin has a wrong size");
    value_.assign(value.begin(), value.end());
  }

  std::span<const BenchKey> popular() const { return std::span(keys_).first(kPopularKeys); }
  std::span<const BenchKey> once() const { return std::span(keys_).subspan(kPopularKeys); }
  std::string_view value() const { return value_; }

  /// The keys of a file of draws in their order, so that reading them costs no cache misses.
  std::vector<BenchKey> draw(const char* file) const {
    const std::vector<std::uint32_t> draws = read_items<std::uint32_t>(path(file));
    std::vector<BenchKey> drawn;
    drawn.reserve(draws.size());
    for (const std::uint32_t n : draws) {
      if (n >= keys_.size()) die(path(file) + " names a key that is not there");
      drawn.push_back(keys_[n]);
    }
    return drawn;
  }

 private:
  std::string path(const char* file) const { return directory_ + "/" + file; }

  std::string directory_;
  std::vector<BenchKey> keys_;
  std::string value_;
};

}  // namespace kith::bench::peers
