// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <chrono>
#include <string>

namespace tiles {

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

/// Asks `address`, "1.2.3.4:port", for `target` on a connection of its own.
/// Errors: invalid_argument (address), unavailable (nobody answers there), timed_out.
kith::Result<HttpAnswer> http_get(const std::string& address, const std::string& target,
                                  std::chrono::milliseconds timeout);

}  // namespace tiles
