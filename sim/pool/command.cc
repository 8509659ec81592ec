// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/command.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "sim/pool/scenario.h"
#include "sim/pool/table.h"

namespace kith::sim::pool {
namespace {

/// The words of a command line, one after the other.
class Words {
 public:
  Words(int count, char** words) : count_(count), words_(words) {}

  bool more() const { return at_ < count_; }
  std::string_view next() { return more() ? words_[at_++] : std::string_view(); }
  template <class Number>
  bool number(Number& into, double least, double most) {
    const std::string digits(next());
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    into = static_cast<Number>(value);
    return !digits.empty() && *end == '\0' && value >= least && value <= most;
  }

 private:
  int count_;
  char** words_;
  int at_ = 0;
};

int refuse(std::string_view word) {
  std::cerr << "kith_sim: " << word << " is not understood\n" << kUsage;
  return 2;
}

bool print(const Setting& setting, const Outcome& outcome) {
  std::printf("seed %llu  trace %016llx  %llu steps\n",
              static_cast<unsigned long long>(setting.seed),
              static_cast<unsigned long long>(outcome.trace),
              static_cast<unsigned long long>(outcome.steps));
  for (const auto& [name, value] : outcome.numbers) {
    if (value >= kNever) {
      std::printf("  %-28s never\n", name.c_str());
    } else {
      std::printf("  %-28s %.4g\n", name.c_str(), value);
    }
  }
  const auto show = [](const char* kind, const Findings& findings) {
    for (const Finding& finding : findings) {
      std::printf("  %s %.3f %s: %s\n", kind, seconds(finding.at.time_since_epoch()),
                  finding.checker.c_str(), finding.what.c_str());
    }
  };
  show("FAILED", outcome.findings);
  const bool kith = setting.variant == Variant::kith;
  show(kith ? "FAILED" : "as expected of memberlist:", outcome.broken);
  return outcome.findings.empty() && (!kith || outcome.broken.empty());
}

}  // namespace

int run_scenario_command(int count, char** raw) {
  Words words(count, raw);
  if (!words.more()) {
    for (const Scenario& scenario : scenarios()) {
      std::printf("%-20s %s\n", std::string(scenario.name).c_str(),
                  std::string(scenario.about).c_str());
    }
    return 0;
  }
  const std::string_view name = words.next();
  const Scenario* scenario = find_scenario(name);
  if (scenario == nullptr) return refuse(name);
  Setting setting;
  std::uint64_t seeds = 1;
  while (words.more()) {
    const std::string_view word = words.next();
    bool good = true;
    if (word == "--variant") {
      const std::string_view variant = words.next();
      setting.variant = variant == "kith" ? Variant::kith : Variant::memberlist;
      good = variant == "kith" || variant == "memberlist";
    } else if (word == "--nodes") {
      good = words.number(setting.nodes, 4, 10'000);
    } else if (word == "--seed") {
      good = words.number(setting.seed, 0, 1e15);
    } else if (word == "--seeds") {
      good = words.number(seeds, 1, 1e6);
    } else if (word == "--loss") {
      good = words.number(setting.loss, 0, 1);
    } else if (word == "--hours") {
      good = words.number(setting.hours, 0, 1e5);
    } else if (word == "--no-lifeguard") {
      setting.lifeguard = false;
    } else {
      good = false;
    }
    if (!good) return refuse(word);
  }
  bool passed = true;
  for (std::uint64_t i = 0; i < seeds; ++i, ++setting.seed) {
    passed = print(setting, scenario->run(setting)) && passed;
  }
  return passed ? 0 : 1;
}

int run_table_command(int count, char** raw) {
  Words words(count, raw);
  TableSize size;
  while (words.more()) {
    const std::string_view word = words.next();
    bool good = true;
    if (word == "--full") {
      size.full = true;
    } else if (word == "--nodes") {
      good = words.number(size.most_nodes, 0, 10'000);
    } else if (word == "--only") {
      size.only = words.next();
    } else if (word == "--scale") {
      good = words.number(size.scale, 0, 100);
    } else if (word == "--jobs") {
      good = words.number(size.jobs, 1, 256);
    } else {
      good = false;
    }
    if (!good) return refuse(word);
  }
  return print_table(size, std::cout) ? 0 : 1;
}

}  // namespace kith::sim::pool
