// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/counter.h"

namespace kith::fetch {

/// What the miss path counted; names and meanings as in kith::CacheStats.
struct Statistics {
  Counter loads;
  Counter loads_failed;
  Counter loads_cancelled;
  Counter loads_refresh;
  Counter loads_guest;
  Counter loads_late_answers;
  Counter loads_shared;
  Counter served;
  Counter redirects;
  Counter stand_ins;
  Counter hedges;
  Counter refused_busy;
};

}  // namespace kith::fetch
