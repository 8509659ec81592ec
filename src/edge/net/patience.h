// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>

// How long either side of a new connection waits for the other.
namespace kith::edge {

inline constexpr Duration kHandshakeTimeout = std::chrono::seconds(2);
inline constexpr Duration kGreetingTimeout = std::chrono::seconds(1);

}  // namespace kith::edge
