// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <iterator>

#include "bench/hitrate/report.h"

namespace kith::bench::hitrate {
namespace {

constexpr std::size_t kWorst = 5;

template <class... Args>
void print(std::string& out, const char* format, Args... args) {
  char line[256];
  std::snprintf(line, sizeof(line), format, args...);
  out += line;
}

void print_heading(std::string& out, const Report& report, const char* first) {
  print(out, "%-10s %12s", first, "capacity");
  for (const std::string& policy : report.policies) print(out, " %12s", policy.c_str());
  if (report.column(kKithName)) print(out, "  %s", "kith - best other");
  out += '\n';
}

void print_row(std::string& out, const Report& report, const std::string& label, const Row& row) {
  print(out, "%-10s %12llu", label.c_str(), static_cast<unsigned long long>(row.capacity));
  const auto best = report.best(row, false);
  for (std::size_t i = 0; i < row.ratios.size(); ++i) {
    print(out, " %11.4f%c", row.ratios[i], best == i ? '*' : ' ');
  }
  if (const auto lead = report.lead(row)) print(out, "  %+.4f", *lead);
  out += '\n';
}

void print_trace(std::string& out, const Report& report, const std::string& trace,
                 std::span<const Row* const> rows) {
  bool headed = false;
  for (const Row* row : rows) {
    if (row->trace != trace) continue;
    if (!headed) {
      print(out, "\n%s: %llu requests, %llu keys\n", trace.c_str(),
            static_cast<unsigned long long>(row->requests),
            static_cast<unsigned long long>(row->unique_objects));
      print_heading(out, report, "size");
      headed = true;
    }
    print_row(out, report, row->size.label(), *row);
  }
}

/// A row that does not exist, but prints as one: the means of some.
void print_average(std::string& out, const Report& report, const std::string& label,
                   std::span<const Row* const> rows) {
  Row mean;
  mean.ratios = report.averages(rows);
  mean.capacity = rows.size();
  print_row(out, report, label, mean);
}

void print_averages(std::string& out, const Report& report, std::span<const Row* const> rows) {
  out += "\naverages (capacity: number of traces)\n";
  print_heading(out, report, "size");
  for (const CacheSize& size : sizes_of(rows)) {
    std::vector<const Row*> of_size;
    std::ranges::copy_if(rows, std::back_inserter(of_size),
                         [&](const Row* row) { return row->size == size; });
    print_average(out, report, size.label(), of_size);
  }
  print_average(out, report, "all", rows);
}

void print_worst(std::string& out, const Report& report, std::vector<const Row*> rows) {
  if (rows.empty() || !report.lead(*rows.front())) return;
  std::ranges::stable_sort(rows, {}, [&](const Row* row) { return *report.lead(*row); });
  rows.resize(std::min(rows.size(), kWorst));
  out += "\nwhere kith is furthest behind the best other policy\n";
  for (const Row* row : rows) {
    const std::size_t best = *report.best(*row, true);
    print(out, "%+.4f  %-24s %-8s kith %.4f, %s %.4f\n", *report.lead(*row), row->trace.c_str(),
          row->size.label().c_str(), row->ratios[*report.column(kKithName)],
          report.policies[best].c_str(), row->ratios[best]);
  }
}

/// kith's contents are the nearest that a budget of memory comes to the capacity; says where that
/// is not near. What is bounded in bytes may well hold less for a while, after a large object has
/// left.
void print_uneven(std::string& out, const Report& report, std::span<const Row* const> rows) {
  constexpr double kTolerance = 0.01;
  const auto kith = report.column(kKithName);
  if (!kith) return;
  for (const Row* row : rows) {
    const auto share_of = [&](std::uint64_t used) {
      return static_cast<double>(used) / static_cast<double>(row->capacity);
    };
    const double share = share_of(row->used[*kith]);
    // A cache that the trace does not fill holds less, and rightly.
    const bool should_be_full =
        row->measure == Measure::objects && std::ranges::any_of(row->used, [&](std::uint64_t used) {
          return share_of(used) >= 1 - kTolerance;
        });
    if (share <= 1 + kTolerance && (share >= 1 - kTolerance || !should_be_full)) continue;
    print(out, "note: kith held %.1f %% of the capacity at the end of %s, size %s\n", 100 * share,
          row->trace.c_str(), row->size.label().c_str());
  }
}

}  // namespace

std::string to_table(const Report& report) {
  std::string out;
  for (const Measure measure : kMeasures) {
    const std::vector<const Row*> rows = report.rows_of(measure);
    if (rows.empty()) continue;
    print(out, "\n== hit ratio of %s; * best of a row%s\n", std::string(to_string(measure)).c_str(),
          !report.column(kMinName)      ? ""
          : measure == Measure::objects ? "; MIN is the optimum"
                                        : "; MIN is greedy, not the optimum");
    for (const std::string& trace : traces_of(rows)) print_trace(out, report, trace, rows);
    print_averages(out, report, rows);
    print_worst(out, report, rows);
    if (measure != Measure::bytes) print_uneven(out, report, rows);
  }
  return out;
}

}  // namespace kith::bench::hitrate
