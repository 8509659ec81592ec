// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/limiter.h"

#include <algorithm>
#include <cmath>

namespace kith::fetch {

namespace {
constexpr double kRecentWeight = 1.0 / 8;
constexpr double kUsualWeight = 1.0 / 600;
/// The recent average may be this much above the usual one before the limit is lowered.
constexpr double kTolerance = 1.5;
/// Loads that run whatever the latency, so that the limiter always has something to observe.
constexpr double kFloor = 4;
/// How far one observation moves the limit towards the new one.
constexpr double kSmoothing = 0.2;
}  // namespace

Limiter::Limiter(int cap) : cap_(cap), floor_(std::min<double>(kFloor, cap)), limit_(cap) {}

void Limiter::finished(Duration latency) {
  // A limit that is not used up cannot be what holds the latency down or drives it up.
  const bool limit_in_use = running_ * 2 >= limit();
  --running_;
  const double sample = std::max(1.0, static_cast<double>(latency.count()));
  if (usual_ == 0) {
    usual_ = recent_ = sample;
    return;
  }
  recent_ += (sample - recent_) * kRecentWeight;
  usual_ += (sample - usual_) * kUsualWeight;
  // After a long slow time the usual average would take hundreds of loads to come down.
  if (usual_ > 2 * recent_) usual_ *= 0.95;
  if (limit_in_use) adjust();
}

void Limiter::adjust() {
  const double gradient = std::clamp(kTolerance * usual_ / recent_, 0.5, 1.0);
  const double wanted = limit_ * gradient + std::sqrt(limit_);
  limit_ = std::clamp(limit_ + (wanted - limit_) * kSmoothing, floor_, cap_);
}

}  // namespace kith::fetch
