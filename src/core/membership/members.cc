// SPDX-License-Identifier: Apache-2.0
#include "core/membership/members.h"

#include <algorithm>
#include <span>

namespace kith::membership {

Member* Members::find(std::string_view name) {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? nullptr : *entry;
}

const Member* Members::find(std::string_view name) const {
  return const_cast<Members*>(this)->find(name);
}

Member& Members::add(std::string_view name, Rng& rng) {
  Member& member = *order_.emplace_back(std::make_unique<Member>());
  member.name = name;
  by_name_.insert(&member);
  std::swap(order_[rng.below(order_.size())], order_.back());
  return member;
}

void Members::forget(TimePoint now, Duration after) {
  std::erase_if(order_, [&](const std::unique_ptr<Member>& member) {
    const bool forgotten =
        member->gone() && !is_self(member->name) && now - member->changed > after;
    if (forgotten) by_name_.erase(member.get());
    return forgotten;
  });
}

Member* Members::next_to_probe(TimePoint now, Duration forget_after, Rng& rng) {
  // The rest of this round and all of the next, which may begin with those just looked at.
  for (std::size_t looks = 2 * order_.size(); looks > 0; --looks) {
    if (next_ >= order_.size()) {
      forget(now, forget_after);
      rng.shuffle(std::span(order_));
      next_ = 0;
    }
    Member* member = order_[next_++].get();
    if (!is_self(member->name) && !member->gone()) return member;
  }
  return nullptr;
}

std::vector<const Member*> Members::choose(
    std::size_t count, Rng& rng, const std::function<bool(const Member&)>& eligible) const {
  std::vector<const Member*> chosen;
  const auto take = [&](const Member* member) {
    if (eligible(*member)) chosen.push_back(member);
  };
  if (order_.size() <= 3 * count) {
    std::vector<const Member*> all;
    for (const auto& member : order_) all.push_back(member.get());
    rng.shuffle(std::span(all));
    for (std::size_t i = 0; i < all.size() && chosen.size() < count; ++i) take(all[i]);
    return chosen;
  }
  // Copying a large pool for a few would cost more than drawing one twice. Where few are eligible
  // it may find fewer than there are.
  for (std::size_t i = 0; i < 3 * order_.size() && chosen.size() < count; ++i) {
    const Member* member = order_[rng.below(order_.size())].get();
    if (std::ranges::find(chosen, member) == chosen.end()) take(member);
  }
  return chosen;
}

}  // namespace kith::membership
