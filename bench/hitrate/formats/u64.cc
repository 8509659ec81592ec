// SPDX-License-Identifier: Apache-2.0
#include "bench/hitrate/formats.h"
#include "bench/hitrate/formats/record_reader.h"

namespace kith::bench::hitrate {

Result<void> read_u64(ByteSource& source, Trace& trace) {
  return read_records<8>(source,
                         [&](std::string_view record) { return trace.add(little_endian(record)); });
}

}  // namespace kith::bench::hitrate
