// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/hash.h"

namespace kith::bench::hitrate {

/// How often keys were used lately, too high at times, never too low: a count-min sketch of four
/// rows with counters up to 15. They are halved after ten increments for each object that the cache
/// holds, as in Caffeine.
class FrequencySketch {
 public:
  explicit FrequencySketch(std::uint64_t objects)
      : width_(4 * std::bit_ceil(std::max<std::uint64_t>(objects, 4))),
        sample_(10 * std::max<std::uint64_t>(objects, 1)),
        counters_(kRows * width_) {}

  std::uint8_t frequency(std::uint64_t key) const {
    std::uint8_t lowest = kMax;
    for (std::size_t row = 0; row < kRows; ++row) {
      lowest = std::min(lowest, counters_[at(row, key)]);
    }
    return lowest;
  }

  void increment(std::uint64_t key) {
    bool added = false;
    for (std::size_t row = 0; row < kRows; ++row) {
      std::uint8_t& counter = counters_[at(row, key)];
      if (counter == kMax) continue;
      ++counter;
      added = true;
    }
    if (added && ++additions_ == sample_) halve();
  }

 private:
  static constexpr std::size_t kRows = 4;
  static constexpr std::uint8_t kMax = 15;

  std::size_t at(std::size_t row, std::uint64_t key) const {
    const std::uint64_t hash = mix64(key + (row + 1) * 0x9e3779b97f4a7c15);
    return row * width_ + (hash & (width_ - 1));
  }

  void halve() {
    for (std::uint8_t& counter : counters_) counter /= 2;
    additions_ /= 2;
  }

  const std::size_t width_;
  const std::uint64_t sample_;
  std::vector<std::uint8_t> counters_;
  std::uint64_t additions_ = 0;
};

}  // namespace kith::bench::hitrate
