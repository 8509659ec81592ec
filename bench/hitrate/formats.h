// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <span>
#include <string>
#include <string_view>

#include "bench/hitrate/byte_source.h"
#include "bench/hitrate/trace.h"

namespace kith::bench::hitrate {

/// A way to write a trace down.
struct Format {
  std::string_view name;
  /// Endings of file names that tell the format; none: it must be named.
  std::span<const std::string_view> suffixes;
  std::string_view description;
  /// Adds all requests of the source to the trace.
  Result<void> (*read)(ByteSource& source, Trace& trace);
};

std::span<const Format> formats();
/// Null: there is none of that name.
const Format* format_named(std::string_view name);
/// Null: the file's name, without `.zst`, tells none.
const Format* format_of_name(std::string_view file_name);
/// All of them in one line, for messages.
std::string format_names();

// One file each, in formats/.
Result<void> read_u64(ByteSource& source, Trace& trace);
Result<void> read_text(ByteSource& source, Trace& trace);
Result<void> read_oracle(ByteSource& source, Trace& trace);
Result<void> read_arc(ByteSource& source, Trace& trace);
Result<void> read_lirs(ByteSource& source, Trace& trace);
Result<void> read_gradle(ByteSource& source, Trace& trace);
Result<void> read_address(ByteSource& source, Trace& trace);
Result<void> read_corda(ByteSource& source, Trace& trace);
Result<void> read_cache2k(ByteSource& source, Trace& trace);

}  // namespace kith::bench::hitrate
