// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include "base/entry.h"
#include "base/rng.h"

namespace kith::fetch {

/// `ttl`, lengthened or shortened by up to `share` of it at random, so that entries made together
/// do not expire together. `share` is 0 to 0.5.
Duration jittered(Duration ttl, double share, Rng& rng);

/// `now + ttl`, or TimePoint::max() where that would overflow.
TimePoint after(TimePoint now, Duration ttl);

/// Whether the owner should load a fresh entry anew already, by the rule of Vattani, Chierichetti
/// and Lowenstein ("Optimal probabilistic cache stampede prevention", VLDB 2015): each reader
/// draws, and the nearer the expiry and the dearer the load, the likelier. `beta` 0: never.
bool refresh_due(const Entry& entry, TimePoint now, double beta, Rng& rng);
/// The same for an entry that has a value.
bool refresh_due(TimePoint expires, Duration load_cost, TimePoint now, double beta, Rng& rng);

}  // namespace kith::fetch
