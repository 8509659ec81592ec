// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/report.h"

#include <algorithm>

namespace kith::bench::hitrate {
namespace {

double ratio_of(const Score& score, Measure measure) {
  if (measure == Measure::bytes) {
    return static_cast<double>(score.hit_bytes) / static_cast<double>(score.bytes);
  }
  return static_cast<double>(score.hits) / static_cast<double>(score.requests);
}

Row row_of(const Comparison& comparison, Measure measure) {
  const CacheSpec& spec = comparison.spec;
  const auto footprint = static_cast<double>(
      spec.bound == Bound::objects ? spec.trace.unique_objects() : spec.trace.unique_bytes());
  Row row{.trace = spec.trace.name(),
          .measure = measure,
          .size = comparison.size,
          .share = static_cast<double>(spec.capacity) / footprint,
          .capacity = spec.capacity,
          .requests = spec.trace.requests(),
          .unique_objects = spec.trace.unique_objects(),
          .ratios = {},
          .used = {}};
  for (const Score& score : comparison.scores) {
    row.ratios.push_back(ratio_of(score, measure));
    row.used.push_back(score.used);
  }
  return row;
}

}  // namespace

std::string_view to_string(Measure measure) {
  switch (measure) {
    case Measure::objects:
      return "requests, cache bounded in objects";
    case Measure::objects_in_bytes:
      return "requests, cache bounded in bytes";
    case Measure::bytes:
      return "bytes, cache bounded in bytes";
  }
  return "";
}

void Report::add(const Comparison& comparison) {
  if (comparison.spec.bound == Bound::objects) {
    rows.push_back(row_of(comparison, Measure::objects));
  } else {
    rows.push_back(row_of(comparison, Measure::objects_in_bytes));
    rows.push_back(row_of(comparison, Measure::bytes));
  }
}

std::optional<std::size_t> Report::column(std::string_view policy) const {
  const auto found = std::ranges::find(policies, policy);
  if (found == policies.end()) return std::nullopt;
  return static_cast<std::size_t>(found - policies.begin());
}

std::optional<std::size_t> Report::best(const Row& row, bool without_kith) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (policies[i] == kMinName || (without_kith && policies[i] == kKithName)) continue;
    if (!best || row.ratios[i] > row.ratios[*best]) best = i;
  }
  return best;
}

std::optional<double> Report::lead(const Row& row) const {
  const auto kith = column(kKithName);
  const auto other = best(row, true);
  if (!kith || !other) return std::nullopt;
  return row.ratios[*kith] - row.ratios[*other];
}

std::vector<double> Report::averages(std::span<const Row* const> some) const {
  std::vector<double> means;
  if (some.empty()) return means;
  means.resize(policies.size());
  for (const Row* row : some) {
    for (std::size_t i = 0; i < means.size(); ++i) means[i] += row->ratios[i];
  }
  for (double& mean : means) mean /= static_cast<double>(some.size());
  return means;
}

std::vector<const Row*> Report::rows_of(Measure measure) const {
  std::vector<const Row*> chosen;
  for (const Row& row : rows) {
    if (row.measure == measure) chosen.push_back(&row);
  }
  return chosen;
}

std::vector<CacheSize> sizes_of(std::span<const Row* const> rows) {
  std::vector<CacheSize> sizes;
  for (const Row* row : rows) {
    if (std::ranges::find(sizes, row->size) == sizes.end()) sizes.push_back(row->size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

std::vector<std::string> traces_of(std::span<const Row* const> rows) {
  std::vector<std::string> traces;
  for (const Row* row : rows) {
    if (std::ranges::find(traces, row->trace) == traces.end()) traces.push_back(row->trace);
  }
  return traces;
}

}  // namespace kith::bench::hitrate
