// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"

namespace kith::bench {

/// Ranks 0 to `count` - 1 with probability proportional to 1 / (rank + 1)^exponent. The same seed
/// gives the same ranks with every library. O(log count) a draw, 8 bytes a rank.
class Zipf {
 public:
  Zipf(std::size_t count, double exponent) {
    cumulative_.reserve(count);
    double sum = 0;
    for (std::size_t rank = 0; rank < count; ++rank) {
      sum += std::pow(static_cast<double>(rank + 1), -exponent);
      cumulative_.push_back(sum);
    }
  }

  std::size_t draw(Rng& rng) const {
    const double point = rng.unit() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), point);
    return std::min(static_cast<std::size_t>(found - cumulative_.begin()), cumulative_.size() - 1);
  }

 private:
  std::vector<double> cumulative_;
};

/// A key of 16 printable bytes. Held in place, so that a list of keys in the order of their use is
/// read straight through and costs a benchmark no cache misses of its own.
struct BenchKey {
  std::array<char, 16> bytes;

  /// The nth key; neighbours have nothing in common.
  static BenchKey nth(std::uint64_t n) {
    BenchKey key;
    const std::uint64_t scrambled = mix64(n + 1);
    for (std::size_t digit = 0; digit < key.bytes.size(); ++digit) {
      key.bytes[digit] = "0123456789abcdef"[(scrambled >> (4 * digit)) & 15];
    }
    return key;
  }
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};

}  // namespace kith::bench
