// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace tiles {
namespace {

/// Microseconds; the value that a share of the sorted ones does not exceed. Zero of none.
std::uint32_t percentile(std::vector<std::uint32_t> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

const std::vector<std::uint32_t>& latencies(const RunResult& run, kith::Source source) {
  return run.experience.latencies[static_cast<std::size_t>(source)];
}

std::vector<std::uint32_t> hit_latencies(const RunResult& run) {
  std::vector<std::uint32_t> all = latencies(run, kith::Source::local);
  const auto& mirrored = latencies(run, kith::Source::mirror);
  all.insert(all.end(), mirrored.begin(), mirrored.end());
  return all;
}

std::string fixed(double number, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << number;
  return text.str();
}

std::string percent(std::size_t part, std::size_t whole) {
  if (whole == 0) return "-";
  return fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

std::string milliseconds(const std::vector<std::uint32_t>& values, double share) {
  return values.empty() ? "-" : fixed(percentile(values, share) / 1000.0, 2) + " ms";
}

std::uint64_t total_render_cpu_us(const RunResult& run) {
  std::uint64_t sum = 0;
  for (const ProcessStats& process : run.processes) sum += process.render_cpu_us;
  return sum;
}

std::size_t tiles_owned_by(const RunResult& run, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(run.experience.owners.begin(), run.experience.owners.end(),
                    [&name](const auto& entry) { return entry.second == name; }));
}

/// Rows of cells in columns as wide as they need, all but the first flush right.
class Table {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  void print(std::ostream& out) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows_) {
      std::string line = "  ";
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string padding(widths[i] - row[i].size(), ' ');
        line += i == 0 ? row[i] + padding : "   " + padding + row[i];
      }
      out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
    }
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

void print_answers(std::ostream& out, const RunResult& shared, const RunResult& alone) {
  Table table;
  table.add({"", "kith", "p50", "p99", "no sharing", "p50", "p99"});
  const auto add = [&](const std::string& name, kith::Source source) {
    std::vector<std::string> row = {name};
    for (const RunResult* run : {&shared, &alone}) {
      const auto& values = latencies(*run, source);
      row.push_back(percent(values.size(), run->experience.requests));
      row.push_back(milliseconds(values, 0.50));
      row.push_back(milliseconds(values, 0.99));
    }
    table.add(std::move(row));
  };
  add("local   own memory, own tile", kith::Source::local);
  add("mirror  own memory, a copy", kith::Source::mirror);
  add("peer    another's memory", kith::Source::peer);
  add("origin  waited for a render", kith::Source::origin);
  const auto row = [&table](const std::string& name, const std::string& left,
                            const std::string& right) {
    table.add({name, left, "", "", right, "", ""});
  };
  const auto number = [&row](const std::string& name, std::uint64_t left, std::uint64_t right) {
    row(name, std::to_string(left), std::to_string(right));
  };
  number("requests", shared.experience.requests, alone.experience.requests);
  number("errors", shared.experience.errors, alone.experience.errors);
  number("different tiles", shared.experience.owners.size(), alone.experience.owners.size());
  number("tiles rendered", total_renders(shared), total_renders(alone));
  row("seconds of CPU to render", fixed(static_cast<double>(total_render_cpu_us(shared)) / 1e6, 1),
      fixed(static_cast<double>(total_render_cpu_us(alone)) / 1e6, 1));
  row("seconds in all", fixed(shared.seconds, 1), fixed(alone.seconds, 1));
  table.print(out);
}

void print_processes(std::ostream& out, const RunResult& shared, const RunResult& alone) {
  Table table;
  table.add({"process", "requests", "tiles owned", "rendered", "no sharing: requests", "rendered"});
  for (std::size_t i = 0; i < shared.processes.size(); ++i) {
    table.add({process_name(i) + "  " + shared.addresses[i].http,
               std::to_string(shared.processes[i].requests),
               std::to_string(tiles_owned_by(shared, process_name(i))),
               std::to_string(shared.processes[i].renders),
               std::to_string(alone.processes[i].requests),
               std::to_string(alone.processes[i].renders)});
  }
  table.print(out);
}

}  // namespace

std::uint64_t total_renders(const RunResult& run) {
  std::uint64_t sum = 0;
  for (const ProcessStats& process : run.processes) sum += process.renders;
  return sum;
}

std::string summary(const Experience& experience) {
  std::string text = std::to_string(experience.requests) + " requests, " +
                     std::to_string(experience.owners.size()) + " tiles;";
  for (std::size_t i = 0; i < kSources; ++i) {
    text += std::string(i == 0 ? " " : ", ") +
            std::string(to_string(static_cast<kith::Source>(i))) + " " +
            percent(experience.latencies[i].size(), experience.requests);
  }
  if (experience.errors > 0) text += ", " + std::to_string(experience.errors) + " errors";
  return text;
}

void print_report(std::ostream& out, const RunResult& shared, const RunResult& alone) {
  out << "\nHow " << shared.processes.size() << " processes answered the same audience\n\n";
  print_answers(out, shared, alone);
  out << "\n";
  print_processes(out, shared, alone);

  const std::uint64_t with = total_renders(shared);
  const std::uint64_t without = total_renders(alone);
  if (with < without) {
    const double saved_us = static_cast<double>(total_render_cpu_us(alone)) -
                            static_cast<double>(total_render_cpu_us(shared));
    out << "\nkith saved " << without - with << " of " << without << " renders ("
        << percent(without - with, without) << "), " << fixed(saved_us / 1e6, 1) << " s of CPU.\n";
  }
}

void print_machine_line(std::ostream& out, const RunResult& shared, const RunResult& alone) {
  out << "demo: {\"nodes\":" << shared.processes.size()
      << ",\"requests\":" << shared.experience.requests
      << ",\"unique\":" << shared.experience.owners.size()
      << ",\"renders\":" << total_renders(shared)
      << ",\"errors\":" << shared.experience.errors + alone.experience.errors
      << ",\"hit_p50_us\":" << percentile(hit_latencies(shared), 0.5)
      << ",\"peer_p50_us\":" << percentile(latencies(shared, kith::Source::peer), 0.5)
      << ",\"renders_without_kith\":" << total_renders(alone) << "}" << std::endl;
}

std::vector<std::string> faults(const RunResult& shared, const RunResult& alone) {
  std::vector<std::string> lines;
  if (total_renders(shared) != shared.experience.owners.size()) {
    lines.push_back(std::to_string(total_renders(shared)) + " renders for " +
                    std::to_string(shared.experience.owners.size()) +
                    " different tiles: each should be rendered exactly once");
  }
  for (const RunResult* run : {&shared, &alone}) {
    const Experience& experience = run->experience;
    if (experience.errors == 0) continue;
    lines.push_back(std::to_string(experience.errors) + " requests failed " +
                    (run == &shared ? "with kith" : "without sharing") + ", such as");
    for (const std::string& complaint : experience.complaints) lines.push_back("  " + complaint);
  }
  return lines;
}

}  // namespace tiles
