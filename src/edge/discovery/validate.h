// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

// What users may pass. Each error names the field, what it holds and what it may hold.
namespace kith::edge::discovery {

tl::unexpected<Error> bad(std::string_view field, std::string_view value, std::string_view allowed);
Result<void> validate_between(std::string_view field, Duration value, Duration least,
                              Duration most);
/// The `timeout` of all sources.
Result<void> validate_timeout(Duration value);
/// A name of DNS: labels of 1 to 63 of A-Z a-z 0-9 - _ with dots between, perhaps one behind.
Result<void> validate_name(std::string_view field, std::string_view value);
/// "http://host:port" or "https://host:port" with nothing behind.
Result<void> validate_url(std::string_view field, std::string_view value);
/// What goes into a header or a URL: at most 1024 bytes, no control characters.
Result<void> validate_text(std::string_view field, std::string_view value);

/// The first of several results that failed, or none.
inline Result<void> all_of(std::initializer_list<Result<void>> results) {
  for (const Result<void>& result : results) {
    if (!result) return result;
  }
  return {};
}

}  // namespace kith::edge::discovery
