// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "edge/gossip/endpoint.h"

namespace kith::edge::gossip {

/// Makes few log lines of many refusals: one per reason and minute, with how many more there were.
/// One thread.
class Refusals {
 public:
  /// The line, if one is due.
  std::optional<std::string> note(const Endpoint& source, const Error& why, TimePoint now);

 private:
  struct Reason {
    TimePoint said;
    std::uint64_t unsaid = 0;
  };
  /// By their text, of which there are few; bounded in any case.
  std::map<std::string, Reason> reasons_;
};

}  // namespace kith::edge::gossip
