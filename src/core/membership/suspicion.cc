// SPDX-License-Identifier: Apache-2.0
#include "core/membership/suspicion.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace kith::membership {

Suspicion::Suspicion(std::string accuser, const SuspicionBounds& bounds, TimePoint now)
    : bounds_(bounds), start_(now) {
  accusers_.push_back(std::move(accuser));
  deadline_ = start_ + total();
}

bool Suspicion::confirm(std::string_view accuser, TimePoint now) {
  if (accusers_.size() > static_cast<std::size_t>(bounds_.confirmations)) return false;
  if (std::ranges::find(accusers_, accuser) != accusers_.end()) return false;
  accusers_.emplace_back(accuser);
  deadline_ = std::max(now, start_ + total());
  return true;
}

void Suspicion::postpone(TimePoint at_least) { deadline_ = std::max(deadline_, at_least); }

Duration Suspicion::total() const {
  if (bounds_.confirmations < 1) return bounds_.min;
  if (accusers_.size() == 1) return bounds_.max;
  const double share = std::log(static_cast<double>(accusers_.size())) /
                       std::log(static_cast<double>(bounds_.confirmations) + 1);
  const std::chrono::duration<double> shortened =
      bounds_.max - share * std::chrono::duration<double>(bounds_.max - bounds_.min);
  return std::max(bounds_.min, Duration(std::chrono::floor<std::chrono::milliseconds>(shortened)));
}

}  // namespace kith::membership
