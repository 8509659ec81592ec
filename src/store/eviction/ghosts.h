// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kith::store {

/// Which keys were given up lately: 16 bits of each one's hash, in buckets of one cache line that
/// forget their oldest. So it is a little uncertain what is forgotten when, and one key in 2000
/// that was never here seems to have been; both cost a wrong guess and nothing else. Not
/// thread-safe.
class Ghosts {
 public:
  explicit Ghosts(std::size_t keys = 0) { resize(keys); }

  /// Makes room for the latest `keys`; what is there stays as far as it fits. Does nothing while
  /// there is room for between as many and twice as many.
  void resize(std::size_t keys) {
    const std::size_t buckets = (keys + kMarks - 1) / kMarks;
    if (buckets <= buckets_.size() && 2 * buckets + 1 >= buckets_.size()) return;
    std::vector<Bucket> next(buckets);
    for (std::size_t i = 0; i < buckets && !buckets_.empty(); ++i) {
      next[i] = buckets_[i * buckets_.size() / buckets];
    }
    buckets_.swap(next);
  }

  void add(std::uint64_t hash) {
    if (buckets_.empty()) return;
    Bucket& bucket = bucket_of(hash);
    std::uint16_t& oldest = bucket.back();
    bucket[oldest] = mark_of(hash);
    oldest = static_cast<std::uint16_t>(oldest + 1 == kMarks ? 0 : oldest + 1);
  }

  /// Whether the key is there; then it no longer is.
  bool take(std::uint64_t hash) {
    if (buckets_.empty()) return false;
    Bucket& bucket = bucket_of(hash);
    const std::uint16_t wanted = mark_of(hash);
    // In this form the compiler compares eight at a time.
    std::uint16_t found = 0;
    for (const std::uint16_t mark : bucket) {
      found = static_cast<std::uint16_t>(found | (mark == wanted ? 0xffffu : 0u));
    }
    if (found == 0) return false;
    *std::find(bucket.begin(), bucket.end(), wanted) = kNone;
    return true;
  }

  std::size_t bytes() const { return buckets_.capacity() * sizeof(Bucket); }
  void clear() { std::vector<Bucket>().swap(buckets_); }

 private:
  /// Of a bucket, whose last word says which of them is the oldest.
  static constexpr std::size_t kMarks = 31;
  static constexpr std::uint16_t kNone = 0;
  using Bucket = std::array<std::uint16_t, kMarks + 1>;

  Bucket& bucket_of(std::uint64_t hash) {
    return buckets_[((hash & UINT32_MAX) * buckets_.size()) >> 32];
  }
  /// None of the numbers that stand for the oldest, nor kNone.
  static std::uint16_t mark_of(std::uint64_t hash) {
    const auto mark = static_cast<std::uint16_t>(hash >> 32);
    return mark > kMarks ? mark : static_cast<std::uint16_t>(mark + kMarks + 1);
  }

  std::vector<Bucket> buckets_;
};

}  // namespace kith::store
