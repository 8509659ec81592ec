// SPDX-License-Identifier: Apache-2.0
//
// The traces of LIRS's authors (Jiang and Zhang, SIGMETRICS 2002).
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/line_reader.h"

namespace kith::bench::hitrate {

Result<void> read_lirs(ByteSource& source, Trace& trace) {
  LineReader lines(source);
  for (;;) {
    const auto next = lines.next();
    if (!next) return tl::unexpected<Error>(next.error());
    if (!*next) return {};
    std::string_view line = **next;
    const std::string_view word = take_word(line);
    if (word.empty() || word == "*") continue;
    const auto block = number_of<std::uint64_t>(word);
    if (!block) return lines.here(quoted(word) + " is not a block number");
    if (!trace.add(*block)) return lines.full();
  }
}

}  // namespace kith::bench::hitrate
