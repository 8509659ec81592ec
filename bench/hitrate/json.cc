// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "bench/hitrate/report.h"

namespace kith::bench::hitrate {
namespace {

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view name_of(Measure measure) {
  switch (measure) {
    case Measure::objects:
      return "objects";
    case Measure::objects_in_bytes:
      return "objects_in_bytes";
    case Measure::bytes:
      return "bytes";
  }
  return "";
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

/// {"LRU": 0.5, ...}; `value(i)` is the text of the ith policy's.
template <class ValueOf>
std::string by_policy(const Report& report, ValueOf value) {
  std::string out;
  for (std::size_t i = 0; i < report.policies.size(); ++i) {
    out += (i == 0 ? "" : ", ") + json_text(report.policies[i]) + ": " + value(i);
  }
  return "{" + out + "}";
}

std::string object_of(const Report& report, const Row& row) {
  return "{\"trace\": " + json_text(row.trace) +
         ", \"measure\": " + json_text(name_of(row.measure)) +
         ", \"size\": " + json_text(row.size.label()) + ", \"share\": " + number(row.share) +
         ", \"capacity\": " + std::to_string(row.capacity) +
         ", \"requests\": " + std::to_string(row.requests) +
         ", \"unique_objects\": " + std::to_string(row.unique_objects) + ", \"hit_ratio\": " +
         by_policy(report, [&](std::size_t i) { return number(row.ratios[i]); }) + ", \"used\": " +
         by_policy(report, [&](std::size_t i) { return std::to_string(row.used[i]); }) + "}";
}

}  // namespace

std::string to_json(const Report& report, std::string_view machine) {
  std::string out = "{\n  \"machine\": " + json_text(machine) + ",\n  \"rows\": [";
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    out += (i == 0 ? "\n    " : ",\n    ") + object_of(report, report.rows[i]);
  }
  return out + "\n  ]\n}\n";
}

}  // namespace kith::bench::hitrate
