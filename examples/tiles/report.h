// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "audience.h"
#include "cluster.h"

namespace tiles {

/// One run of the audience against one cluster.
struct RunResult {
  std::vector<ProcessAddresses> addresses;
  Experience experience;
  std::vector<ProcessStats> processes;
  double seconds = 0;
};

/// Renders of all processes of the run.
std::uint64_t total_renders(const RunResult& run);

/// "4200 requests, 310 tiles; local 31 %, mirror 55 %, peer 9 %, origin 5 %".
std::string summary(const Experience& experience);

/// The two runs side by side, for a person.
void print_report(std::ostream& out, const RunResult& shared, const RunResult& alone);

/// The figures that a program reads: `demo: {...}`.
void print_machine_line(std::ostream& out, const RunResult& shared, const RunResult& alone);

/// What a run that went right must show and this one did not, a line each. Empty: all is well.
std::vector<std::string> faults(const RunResult& shared, const RunResult& alone);

}  // namespace tiles
