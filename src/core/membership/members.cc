// SPDX-License-Identifier: Apache-2.0
#include "core/membership/members.h"

#include <algorithm>
#include <span>

namespace kith::membership {

Member* Members::find(std::string_view name) {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? nullptr : &entry->second;
}

const Member* Members::find(std::string_view name) const {
  return const_cast<Members*>(this)->find(name);
}

Member& Members::add(std::string_view name, Rng& rng) {
  Member& member = by_name_[std::string(name)];
  member.name = name;
  order_.push_back(&member);
  std::swap(order_[rng.below(order_.size())], order_.back());
  return member;
}

void Members::forget(TimePoint now, Duration after) {
  const auto forgotten = [&](const Member& member) {
    return member.gone() && !is_self(member.name) && now - member.changed > after;
  };
  std::erase_if(order_, [&](const Member* member) { return forgotten(*member); });
  std::erase_if(by_name_, [&](const auto& entry) { return forgotten(entry.second); });
}

Member* Members::next_to_probe(TimePoint now, Duration forget_after, Rng& rng) {
  // The rest of this round and all of the next, which may begin with those just looked at.
  for (std::size_t looks = 2 * order_.size(); looks > 0; --looks) {
    if (next_ >= order_.size()) {
      forget(now, forget_after);
      rng.shuffle(std::span(order_));
      next_ = 0;
    }
    Member* member = order_[next_++];
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
    std::vector<const Member*> all(order_.begin(), order_.end());
    rng.shuffle(std::span(all));
    for (std::size_t i = 0; i < all.size() && chosen.size() < count; ++i) take(all[i]);
    return chosen;
  }
  // Copying a large pool for a few would cost more than drawing one twice. Where few are eligible
  // it may find fewer than there are.
  for (std::size_t i = 0; i < 3 * order_.size() && chosen.size() < count; ++i) {
    const Member* member = order_[rng.below(order_.size())];
    if (std::ranges::find(chosen, member) == chosen.end()) take(member);
  }
  return chosen;
}

}  // namespace kith::membership
