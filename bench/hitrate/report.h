// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/hitrate/replay.h"

namespace kith::bench::hitrate {

/// What a hit ratio is a share of, and what the cache was bounded in.
enum class Measure {
  objects,           ///< Of the requests; bounded in objects.
  objects_in_bytes,  ///< Of the requests; bounded in bytes.
  bytes,             ///< Of the bytes asked for; bounded in bytes.
};
inline constexpr Measure kMeasures[] = {Measure::objects, Measure::objects_in_bytes,
                                        Measure::bytes};
/// For headings: "requests, cache bounded in bytes".
std::string_view to_string(Measure measure);

/// The hit ratios of one trace and size.
struct Row {
  std::string trace;
  Measure measure = Measure::objects;
  CacheSize size;
  double share = 0;  ///< Of the footprint, also if `size` is a number of objects.
  std::uint64_t capacity = 0;
  std::uint64_t requests = 0;
  std::uint64_t unique_objects = 0;
  /// In the order of the policies.
  std::vector<double> ratios;
  /// What each policy held at the end, of `capacity`.
  std::vector<std::uint64_t> used;
};

/// What all outputs are made from.
struct Report {
  std::vector<std::string> policies;
  std::vector<Row> rows;

  /// The comparison as one row, or two if it is of bytes.
  void add(const Comparison& comparison);

  /// Empty: it was not run.
  std::optional<std::size_t> column(std::string_view policy) const;
  /// The best policy but for the optimum and, if asked, kith.
  std::optional<std::size_t> best(const Row& row, bool without_kith) const;
  /// kith's hit ratio minus that of the best other policy, which is not the optimum.
  std::optional<double> lead(const Row& row) const;
  /// The mean of each column over the rows; empty if there are none.
  std::vector<double> averages(std::span<const Row* const> rows) const;

  std::vector<const Row*> rows_of(Measure measure) const;
};

/// The sizes in the rows, in their order.
std::vector<CacheSize> sizes_of(std::span<const Row* const> rows);
/// The traces in the rows, in the order of their first occurrence.
std::vector<std::string> traces_of(std::span<const Row* const> rows);

/// Tables of text for people.
std::string to_table(const Report& report);
/// Everything, for programs.
std::string to_json(const Report& report, std::string_view machine);
/// A plot of hit ratio against size for each trace.
std::string to_svg(const Report& report);

}  // namespace kith::bench::hitrate
