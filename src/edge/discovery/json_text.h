// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

// JSON from servers: nothing about its shape is taken for granted.
namespace kith::edge::discovery {

/// Bounds on a text, because its tree takes many times its length in memory.
inline constexpr std::size_t kMaxJsonValues = 1'000'000;
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Errors: unavailable (no JSON, or more of it than the bounds).
Result<nlohmann::json> parse_json(std::string_view text);

/// What to answer when the shape is not the expected one; `what` says where.
tl::unexpected<Error> malformed(std::string_view what);

/// The member `name` of `value`. Null when there is none, it is null, or `value` is no object.
const nlohmann::json* member(const nlohmann::json* value, const char* name);
/// The same as a list; null when it is something else.
const nlohmann::json* list(const nlohmann::json* value, const char* name);
/// The same as text; empty when it is something else.
std::string_view text(const nlohmann::json* value, const char* name);
/// The same as a number, also as a text of digits, which is how protobuf writes 64 bits.
std::optional<std::uint64_t> number(const nlohmann::json* value, const char* name);
/// The same; false when it is something else.
bool is_true(const nlohmann::json* value, const char* name);

}  // namespace kith::edge::discovery
