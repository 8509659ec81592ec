// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace kith {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "kith: %s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace kith
