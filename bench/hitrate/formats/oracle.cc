// SPDX-License-Identifier: Apache-2.0
//
// libCacheSim's oracleGeneral: packed little-endian records of time (4 bytes), object (8), size (4)
// and the number of the next request for the object (8), which is computed here instead.
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/record_reader.h"

namespace kith::bench::hitrate {

Result<void> read_oracle(ByteSource& source, Trace& trace) {
  return read_records<24>(source, [&](std::string_view record) {
    return trace.add(little_endian(record.substr(4, 8)),
                     static_cast<std::uint32_t>(little_endian(record.substr(12, 4))));
  });
}

}  // namespace kith::bench::hitrate
