// SPDX-License-Identifier: Apache-2.0
//
// What Java's DataInputStream reads: Caffeine's simulator has traces of R3's Corda in readLong and
// of cache2k in readInt, without headers.
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/record_reader.h"

namespace kith::bench::hitrate {

Result<void> read_corda(ByteSource& source, Trace& trace) {
  return read_records<8>(source,
                         [&](std::string_view record) { return trace.add(big_endian(record)); });
}

Result<void> read_cache2k(ByteSource& source, Trace& trace) {
  return read_records<4>(source,
                         [&](std::string_view record) { return trace.add(big_endian(record)); });
}

}  // namespace kith::bench::hitrate
