// SPDX-License-Identifier: Apache-2.0
//
// Memory accesses in Caffeine's simulator: a line is the kind of access, the address as 0x..., and
// more that does not matter here.
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {

Result<void> read_address(ByteSource& source, Trace& trace) {
  LineReader lines(source);
  for (;;) {
    const auto next = lines.next();
    if (!next) return tl::unexpected<Error>(next.error());
    if (!*next) return {};
    std::string_view line = **next;
    if (take_word(line).empty()) continue;
    const std::string_view word = take_word(line);
    const auto address =
        word.starts_with("0x") ? number_of<std::uint64_t>(word.substr(2), 16) : std::nullopt;
    if (!address) return lines.here(quoted(word) + " is not an address like 0x1fffff50");
    if (!trace.add(*address)) return lines.full();
  }
}

}  // namespace kith::bench::hitrate
