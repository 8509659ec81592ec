// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string_view>

namespace kith::sim::pool {

struct TableSize {
  /// Everything; else what a test run has the time for.
  bool full = false;
  /// Of the seeds of everything, this share; each row keeps one.
  double scale = 1;
  /// Pools above it are left out.
  std::size_t most_nodes = 5000;
  /// Rows whose id begins so; empty: all.
  std::string_view only = {};
  unsigned jobs = 1;
};

/// Runs the acceptance scenarios M1 to M14 and those beside them, kith and memberlist, and prints
/// their figures as a markdown table. False: kith broke a promise, or either what must never be.
bool print_table(const TableSize& size, std::ostream& out);

}  // namespace kith::sim::pool
