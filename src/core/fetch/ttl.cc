// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/ttl.h"

#include <cmath>

namespace kith::fetch {

Duration jittered(Duration ttl, double share, Rng& rng) {
  const double factor = 1.0 + share * (2.0 * rng.unit() - 1.0);
  const double scaled = static_cast<double>(ttl.count()) * factor;
  if (scaled >= 9.2e18) return Duration::max();
  return Duration(static_cast<Duration::rep>(scaled));
}

TimePoint after(TimePoint now, Duration ttl) {
  if (ttl > TimePoint::max() - now) return TimePoint::max();
  return now + ttl;
}

bool refresh_due(const Entry& entry, TimePoint now, double beta, Rng& rng) {
  return !entry.negative && refresh_due(entry.expires, entry.load_cost, now, beta, rng);
}

bool refresh_due(TimePoint expires, Duration load_cost, TimePoint now, double beta, Rng& rng) {
  if (beta <= 0 || expires == TimePoint::max()) return false;
  const double cost = static_cast<double>(load_cost.count());
  const double left = static_cast<double>((expires - now).count());
  // A draw above 40 has a chance of e^-40: most reads end here, without a logarithm.
  if (left > cost * beta * 40.0) return false;
  const double draw = -std::log(1.0 - rng.unit());
  return cost * beta * draw >= left;
}

}  // namespace kith::fetch
