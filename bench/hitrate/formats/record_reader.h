// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bench/hitrate/byte_source.h"
#include "bench/hitrate/trace.h"

namespace kith::bench::hitrate {

/// An unsigned number of the bytes, the lowest first.
inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return number;
}

/// An unsigned number of the bytes, the highest first.
inline std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// Calls `add(record)` for each record of kBytes bytes; it returns false when the trace is full. A
/// source that ends within a record is an error.
template <std::size_t kBytes, class Add>
Result<void> read_records(ByteSource& source, Add add) {
  std::string begun;  // A record that the last chunk broke off.
  std::uint64_t offset = 0;
  const auto add_one = [&](std::string_view record) -> Result<void> {
    if (!add(record)) {
      return malformed(source, "byte " + std::to_string(offset),
                       "more requests than a trace can have");
    }
    offset += kBytes;
    return {};
  };
  for (;;) {
    auto chunk = source.next();
    if (!chunk) return tl::unexpected<Error>(std::move(chunk).error());
    std::string_view bytes = *chunk;
    if (bytes.empty()) break;
    if (!begun.empty()) {
      const std::size_t missing = std::min(kBytes - begun.size(), bytes.size());
      begun += bytes.substr(0, missing);
      bytes.remove_prefix(missing);
      if (begun.size() < kBytes) continue;
      if (auto added = add_one(begun); !added) return added;
      begun.clear();
    }
    for (; bytes.size() >= kBytes; bytes.remove_prefix(kBytes)) {
      if (auto added = add_one(bytes.substr(0, kBytes)); !added) return added;
    }
    begun = bytes;
  }
  if (begun.empty()) return {};
  return malformed(source, "byte " + std::to_string(offset),
                   "the last record has " + std::to_string(begun.size()) + " bytes of " +
                       std::to_string(kBytes));
}

}  // namespace kith::bench::hitrate
