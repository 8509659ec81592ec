// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/graves.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kith::membership {

Duration Graves::jittered(Duration wait) {
  const auto fifth = static_cast<std::int64_t>(wait.count() / 5);
  return wait + Duration(rng_.between(-fifth, fifth));
}

void Graves::on_failed(std::string_view name, const Address& address, TimePoint now) {
  if (graves_.size() >= kMost && !graves_.contains(name)) {
    graves_.erase(
        std::ranges::min_element(graves_, {}, [](const auto& entry) { return entry.second.died; }));
  }
  const TimePoint soon = now + jittered(kOften);
  if (graves_.empty() || contact_at_ > soon) contact_at_ = soon;
  graves_.insert_or_assign(std::string(name), Grave{address, now});
}

bool Graves::on_over(std::string_view name) {
  const auto entry = graves_.find(name);
  if (entry == graves_.end()) return false;
  graves_.erase(entry);
  if (reached_ == name) reached_.reset();
  return true;
}

std::optional<std::pair<std::string, Address>> Graves::due(TimePoint now) {
  if (graves_.empty() || contact_at_ > now) return std::nullopt;
  std::erase_if(graves_, [&](const auto& entry) { return now - entry.second.died > kKept; });
  std::vector<const std::pair<const std::string, Grave>*> young;
  std::vector<const std::pair<const std::string, Grave>*> old;
  for (const auto& grave : graves_) {
    (now - grave.second.died <= kYoung ? young : old).push_back(&grave);
  }
  contact_at_ = now + jittered(young.empty() ? kSeldom : kOften);
  if (reached_) {
    const auto again = graves_.find(*std::exchange(reached_, std::nullopt));
    if (again != graves_.end()) return std::pair(again->first, again->second.address);
  }
  if (young.empty() || (old_at_ <= now && !old.empty())) {
    old_at_ = now + jittered(kSeldom);
    young.insert(young.end(), old.begin(), old.end());
  }
  if (young.empty()) return std::nullopt;
  const auto& chosen = *young[rng_.below(young.size())];
  return std::pair(chosen.first, chosen.second.address);
}

void Graves::on_reached(std::string_view name, TimePoint now) {
  const auto entry = graves_.find(name);
  if (entry == graves_.end() || ++entry->second.reached > kMostSoon) return;
  reached_ = std::string(name);
  contact_at_ = std::min(contact_at_, now + kSoon);
}

std::optional<TimePoint> Graves::next_deadline() const {
  if (graves_.empty()) return std::nullopt;
  return contact_at_;
}

}  // namespace kith::membership
