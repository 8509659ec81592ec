// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/options.h"

#include <bit>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {
namespace {

constexpr int kMaxJobs = 64;
constexpr std::size_t kMaxShards = 64;

tl::unexpected<Error> wrong(std::string_view flag, std::string_view value,
                            const std::string& wanted) {
  return fail(ErrorCode::invalid_argument,
              std::string(flag) + " " + quoted(value) + ": expected " + wanted);
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

std::optional<double> share_of(std::string_view text) {
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(share > 0) || share > 1) return std::nullopt;
  return share;
}

Result<void> add_shares(std::string_view list, Options& options) {
  for (const std::string_view part : split(list)) {
    const auto share = share_of(part);
    if (!share) {
      return wrong("--sizes", part, "shares above 0 and at most 1, such as 0.001,0.01");
    }
    options.sizes.push_back({.share = *share});
  }
  return {};
}

Result<void> add_objects(std::string_view list, Options& options) {
  for (const std::string_view part : split(list)) {
    const auto objects = number_of<std::uint32_t>(part);
    if (!objects || *objects == 0) return wrong("--objects", part, "numbers, such as 100,1000");
    options.sizes.push_back({.objects = *objects});
  }
  return {};
}

Result<void> add_policies(std::string_view list, Options& options) {
  for (const std::string_view part : split(list)) {
    const PolicyKind* kind = policy_named(part);
    if (kind == nullptr) return wrong("--policies", part, "names out of " + policy_names());
    options.policies.push_back(kind);
  }
  return {};
}

Result<void> set_bound(std::string_view bound, Options& options) {
  if (bound != "objects" && bound != "bytes" && bound != "both") {
    return wrong("--bound", bound, "objects, bytes or both");
  }
  options.bound_objects = bound != "bytes";
  options.bound_bytes = bound != "objects";
  return {};
}

Result<void> set_jobs(std::string_view value, Options& options) {
  const auto jobs = number_of<int>(value);
  if (!jobs || *jobs < 1 || *jobs > kMaxJobs) {
    return wrong("--jobs", value, "a number from 1 to " + std::to_string(kMaxJobs));
  }
  options.jobs = *jobs;
  return {};
}

Result<void> set_shards(std::string_view value, Options& options) {
  const auto shards = number_of<std::size_t>(value);
  if (!shards || !std::has_single_bit(*shards) || *shards > kMaxShards) {
    return wrong("--shards", value, "a power of two up to " + std::to_string(kMaxShards));
  }
  options.shards = *shards;
  return {};
}

Result<void> set_format(std::string_view value, Options& options) {
  if (format_named(value) == nullptr) return wrong("--format", value, "one of " + format_names());
  options.format = value;
  return {};
}

Result<void> set(std::string_view flag, const std::string& value, Options& options) {
  if (flag == "--format") return set_format(value, options);
  if (flag == "--sizes") return add_shares(value, options);
  if (flag == "--objects") return add_objects(value, options);
  if (flag == "--policies") return add_policies(value, options);
  if (flag == "--bound") return set_bound(value, options);
  if (flag == "--jobs") return set_jobs(value, options);
  if (flag == "--shards") return set_shards(value, options);
  (flag == "--json" ? options.json : options.svg) = value;
  return {};
}

bool takes_value(std::string_view flag) {
  for (const std::string_view known : {"--format", "--sizes", "--objects", "--policies", "--bound",
                                       "--jobs", "--shards", "--json", "--svg"}) {
    if (flag == known) return true;
  }
  return false;
}

void fill_defaults(Options& options) {
  if (options.sizes.empty()) options.sizes = {{.share = 0.001}, {.share = 0.01}, {.share = 0.1}};
  if (!options.policies.empty()) return;
  for (const PolicyKind& kind : policy_kinds()) {
    if (kind.by_default) options.policies.push_back(&kind);
  }
}

}  // namespace

Result<Options> parse_options(std::span<const std::string> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help") {
      options.help = true;
    } else if (!argument.starts_with("--")) {
      options.files.push_back(argument);
    } else if (!takes_value(argument)) {
      return fail(ErrorCode::invalid_argument, "unknown option " + quoted(argument));
    } else if (i + 1 == arguments.size()) {
      return fail(ErrorCode::invalid_argument, argument + " needs a value");
    } else if (auto done = set(argument, arguments[++i], options); !done) {
      return tl::unexpected<Error>(std::move(done).error());
    }
  }
  if (options.files.empty() && !options.help) {
    return fail(ErrorCode::invalid_argument, "no trace is named");
  }
  fill_defaults(options);
  return options;
}

std::string usage() {
  std::string text =
      "usage: hitrate [options] TRACE...\n"
      "Replays traces through kith's store and through simulators of other policies, and prints\n"
      "the hit ratios. A TRACE may be compressed (.zst).\n"
      "  --sizes S,...     cache sizes as shares of the footprint; 0.001,0.01,0.1\n"
      "  --objects N,...   cache sizes as numbers of objects, beside or instead\n"
      "  --bound B         objects: all count alike; bytes: if the trace has sizes; both "
      "(default)\n"
      "  --policies P,...  instead of the usual ones; there are\n"
      "                    " +
      policy_names() +
      "\n"
      "  --shards N        of the store; chosen by it\n"
      "  --jobs N          threads; 1\n"
      "  --json FILE       writes all numbers\n"
      "  --svg FILE        writes a plot\n"
      "  --format F        of all traces; else their names' endings tell\n";
  for (const Format& format : formats()) {
    std::string endings;
    for (const std::string_view suffix : format.suffixes) endings += " " + std::string(suffix);
    std::string name(format.name);
    name.resize(8, ' ');
    text += "      " + name + " " + std::string(format.description) + ";" + endings + "\n";
  }
  return text;
}

}  // namespace kith::bench::hitrate
