// SPDX-License-Identifier: Apache-2.0
#include "sim/views.h"

#include <algorithm>
#include <utility>

namespace kith::sim {

std::shared_ptr<const placement::View> Views::of(std::vector<placement::Member> members) {
  Signature signature;
  for (const auto& member : members) {
    signature.emplace_back(member.name + '/' + member.zone, member.weight);
  }
  std::sort(signature.begin(), signature.end());
  {
    const std::lock_guard lock(mutex_);
    const auto found = views_.find(signature);
    if (found != views_.end()) return found->second;
  }
  auto view = placement::View::build(std::move(members));
  const std::lock_guard lock(mutex_);
  if (views_.size() >= kMost) views_.clear();
  views_[std::move(signature)] = view;
  return view;
}

}  // namespace kith::sim
