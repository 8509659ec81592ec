// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {
namespace {

/// Numbers stay what they are; other words are hashed.
std::uint64_t key_of_word(std::string_view word) {
  if (const auto number = number_of<std::uint64_t>(word)) return *number;
  return placement_hash(word);
}

}  // namespace

// Empty lines and lines that begin with `#` are no requests. The first request decides whether
// there are sizes.
Result<void> read_text(ByteSource& source, Trace& trace) {
  LineReader lines(source);
  for (;;) {
    const auto next = lines.next();
    if (!next) return tl::unexpected<Error>(next.error());
    if (!*next) return {};
    std::string_view line = **next;
    if (line.starts_with('#')) continue;
    const std::string_view key = take_word(line);
    if (key.empty()) continue;
    const std::string_view size = take_word(line);
    if (const std::string_view extra = take_word(line); !extra.empty()) {
      return lines.here("a third column, " + quoted(extra));
    }
    if (trace.requests() > 0 && size.empty() == trace.has_sizes()) {
      return lines.here(size.empty() ? "no size, unlike the lines before"
                                     : "a size, unlike the lines before");
    }
    if (size.empty()) {
      if (!trace.add(key_of_word(key))) return lines.full();
      continue;
    }
    const auto bytes = number_of<std::uint32_t>(size);
    if (!bytes) return lines.here(quoted(size) + " is not a size of 32 bits");
    if (!trace.add(key_of_word(key), *bytes)) return lines.full();
  }
}

}  // namespace kith::bench::hitrate
