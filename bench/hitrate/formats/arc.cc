// SPDX-License-Identifier: Apache-2.0
//
// The traces of ARC's authors (Megiddo and Modha, FAST 2003): a line is a request for a run of
// blocks.
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {
namespace {

/// Of one line. The published traces stay far below it.
constexpr std::uint64_t kMaxBlocks = 1u << 24;

}  // namespace

Result<void> read_arc(ByteSource& source, Trace& trace) {
  LineReader lines(source);
  for (;;) {
    const auto next = lines.next();
    if (!next) return tl::unexpected<Error>(next.error());
    if (!*next) return {};
    std::string_view line = **next;
    const std::string_view first_word = take_word(line);
    if (first_word.empty()) continue;
    const std::string_view count_word = take_word(line);
    const auto first = number_of<std::uint64_t>(first_word);
    const auto count = number_of<std::uint64_t>(count_word);
    if (!first) return lines.here(quoted(first_word) + " is not a block number");
    if (!count) return lines.here(quoted(count_word) + " is not a number of blocks");
    if (*count > kMaxBlocks || *first + *count < *first) {
      return lines.here(quoted(count_word) + " blocks are too many");
    }
    for (std::uint64_t block = *first; block < *first + *count; ++block) {
      if (!trace.add(block)) return lines.full();
    }
  }
}

}  // namespace kith::bench::hitrate
