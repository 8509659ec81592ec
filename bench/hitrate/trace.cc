// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/trace.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "bench/hitrate/byte_source.h"
#include "bench/hitrate/formats.h"

namespace kith::bench::hitrate {
namespace {

std::string_view without_folder(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? file : file.substr(slash + 1);
}

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

}  // namespace

bool Trace::add(std::uint64_t key) {
  if (keys_.size() == max_requests_) return false;
  keys_.push_back(key);
  return true;
}

bool Trace::add(std::uint64_t key, std::uint32_t size) {
  if (!add(key)) return false;
  sizes_.push_back(std::max<std::uint32_t>(size, 1));
  return true;
}

void Trace::finish() {
  absl::flat_hash_map<std::uint64_t, std::uint32_t> first_sizes;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const auto [first, is_new] = first_sizes.try_emplace(keys_[i], size(i));
    if (is_new) unique_bytes_ += first->second;
    if (has_sizes()) sizes_[i] = first->second;
  }
  unique_objects_ = first_sizes.size();
}

Result<Trace> load_trace(const std::string& file, std::string_view format) {
  const std::string_view base = without_suffix(without_folder(file), ".zst");
  const Format* found = format.empty() ? format_of_name(base) : format_named(format);
  if (found == nullptr) {
    return fail(
        ErrorCode::invalid_argument,
        format.empty()
            ? file + ": the name does not tell the format; use --format with " + format_names()
            : "unknown format '" + std::string(format) + "'; there are " + format_names());
  }
  auto source = ByteSource::open(file);
  if (!source) return tl::unexpected<Error>(std::move(source).error());

  std::string_view name = base;
  for (const std::string_view suffix : found->suffixes) name = without_suffix(name, suffix);
  Trace trace{std::string(name)};
  try {
    if (auto read = found->read(**source, trace); !read) {
      return tl::unexpected<Error>(std::move(read).error());
    }
    if (trace.requests() == 0) return fail(ErrorCode::invalid_argument, file + ": no requests");
    trace.finish();
    return trace;
  } catch (const std::bad_alloc&) {
    // A line of a few bytes may be millions of requests.
    return fail(ErrorCode::resource_exhausted, file + ": no memory for more than " +
                                                   std::to_string(trace.requests()) + " requests");
  }
}

}  // namespace kith::bench::hitrate
