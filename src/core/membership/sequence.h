// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kith::membership {

/// Numbers the pings of one node, for whatever purpose, so that an answer finds its question.
class Sequence {
 public:
  std::uint32_t next() { return ++last_; }

 private:
  std::uint32_t last_ = 0;
};

}  // namespace kith::membership
