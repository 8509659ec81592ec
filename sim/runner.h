// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <vector>

#include "base/mark.h"
#include "sim/checkers/checker.h"
#include "sim/scenarios/scenario.h"
#include "sim/views.h"

namespace kith::sim {

/// What came of one seed.
struct Outcome {
  std::uint64_t seed = 0;
  const Scenario* scenario = nullptr;
  Findings findings;
  std::uint64_t trace_hash = 0;
  Marks marks;
  Duration simulated = {};
  std::size_t requests = 0;
  std::size_t loads = 0;
  std::uint64_t messages = 0;

  bool passed() const { return findings.empty(); }
};

/// Runs one simulation from beginning to end. `text` receives the readable trace; null: none.
/// Thread-safe, as far as `views` and `text` are.
Outcome run(std::uint64_t seed, const Scenario& scenario, Views& views, std::ostream* text);

std::string_view to_string(Mark mark);
/// How often each mark was hit, over a batch.
using MarkCounts = std::array<std::uint64_t, static_cast<std::size_t>(Mark::count_)>;
void add(MarkCounts& sum, const Marks& marks);
/// The marks that no simulation of a batch hit.
std::vector<Mark> missed_marks(const MarkCounts& counts);

}  // namespace kith::sim
