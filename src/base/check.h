// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kith {

/// Prints the failed condition to standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace kith

/// For defects of our own only (pre- and postconditions, invariants), on in every build. What peers
/// and users can cause gets an Error instead.
#define KITH_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::kith::check_failed(#condition, __FILE__, __LINE__))
