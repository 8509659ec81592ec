// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/hold_off.h"

namespace kith::fetch {

void HoldOff::remember(const Key& key, Error error, TimePoint until) {
  held_.insert_or_assign(key, Held{std::move(error), until});
  order_.emplace_back(key, until);
  while (order_.size() > kCapacity) {
    const auto& [oldest, its_until] = order_.front();
    const auto found = held_.find(oldest);
    if (found != held_.end() && found->second.until == its_until) held_.erase(found);
    order_.pop_front();
  }
}

const Error* HoldOff::find(KeyView key, TimePoint now) {
  if (held_.empty()) return nullptr;
  const auto found = held_.find(key);
  if (found == held_.end()) return nullptr;
  if (found->second.until <= now) {
    held_.erase(found);
    return nullptr;
  }
  return &found->second.error;
}

void HoldOff::forget(KeyView key) {
  const auto found = held_.find(key);
  if (found != held_.end()) held_.erase(found);
}

}  // namespace kith::fetch
