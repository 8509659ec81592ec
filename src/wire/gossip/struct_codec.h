// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "wire/gossip/fields.h"

// One map of msgpack <-> one struct. For every T that fields.h has a table of.
namespace kith::wire::gossip {

/// Most values that a map may have in it. The largest message needs seventeen; what is above is
/// room for fields of later versions, and for bytes as arrays of numbers.
inline constexpr std::size_t kMaxTokens = 4096;

/// Reads the struct at the front of `bytes`. Returns how many bytes it took, or nothing if it is
/// not yet all there. As liberal as memberlist: integers of any width; strings and bytes in any
/// form; nil for anything; unknown, missing and repeated keys; an array of the fields instead of a
/// map. Errors: invalid_argument.
template <class T>
Result<std::optional<std::size_t>> read_struct(std::string_view bytes, T& into);

/// Reads a struct that must be whole. What follows it is ignored.
template <class T>
Result<T> read_whole_struct(std::string_view bytes) {
  Result<T> value(tl::in_place);
  const auto size = read_struct(bytes, *value);
  if (!size) return tl::unexpected<Error>(size.error());
  if (!*size) return fail(ErrorCode::invalid_argument, "gossip message that ends early");
  return value;
}

/// Appends the struct, byte for byte as memberlist writes it.
template <class T>
void write_struct(const T& from, std::string& out);

}  // namespace kith::wire::gossip
