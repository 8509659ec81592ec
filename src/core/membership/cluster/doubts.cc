// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/doubts.h"

#include <algorithm>

namespace kith::membership {
namespace {

bool add(std::vector<std::string>& names, std::string_view name, std::size_t most) {
  if (names.size() >= most || std::ranges::find(names, name) != names.end()) return false;
  names.emplace_back(name);
  return true;
}

}  // namespace

Doubts::Doubt* Doubts::doubt(std::string_view name) {
  const auto entry = doubts_.find(name);
  if (entry != doubts_.end()) return &entry->second;
  if (doubts_.size() >= kMost) return nullptr;
  return &doubts_[std::string(name)];
}

const Doubts::Doubt* Doubts::accuse(std::string_view name, std::uint32_t incarnation,
                                    std::string_view accuser) {
  Doubt* found = doubt(name);
  if (found == nullptr || incarnation < found->incarnation) return nullptr;
  if (incarnation > found->incarnation) {
    found->incarnation = incarnation;
    found->accusers.clear();
  }
  return add(found->accusers, accuser, kAccusers) ? found : nullptr;
}

const Doubts::Doubt* Doubts::observe_gone(std::string_view name, BootId boot,
                                          std::string_view observer, TimePoint now) {
  Doubt* found = doubt(name);
  if (found == nullptr) return nullptr;
  if (found->boot != boot) {
    found->boot = boot;
    found->observers.clear();
  }
  if (!add(found->observers, observer, kObservers)) return nullptr;
  found->due = now + (found->observers.size() < kObservers ? kRemember : kLastChance);
  dues_.push(*found->due, std::string(name));
  return found;
}

bool Doubts::became_unreachable(std::string_view name) {
  const auto entry = doubts_.find(name);
  if (entry == doubts_.end() || entry->second.unreachable) return false;
  const Doubt& doubt = entry->second;
  if (doubt.accusers.size() < kAccusers && doubt.observers.size() < kObservers) return false;
  entry->second.unreachable = true;
  ++unreachable_;
  return true;
}

bool Doubts::end(std::string_view name) {
  const auto entry = doubts_.find(name);
  if (entry == doubts_.end()) return false;
  const bool was = entry->second.unreachable;
  if (was) --unreachable_;
  doubts_.erase(entry);
  return was;
}

const Doubts::Doubt* Doubts::find(std::string_view name) const {
  const auto entry = doubts_.find(name);
  return entry == doubts_.end() ? nullptr : &entry->second;
}

bool Doubts::unreachable(std::string_view name) const {
  const Doubt* doubt = find(name);
  return doubt != nullptr && doubt->unreachable;
}

std::vector<std::string> Doubts::on_deadline(TimePoint now) {
  std::vector<std::string> dead;
  while (const auto name = dues_.pop_due(now)) {
    const auto entry = doubts_.find(*name);
    if (entry == doubts_.end() || !entry->second.due) continue;
    Doubt& doubt = entry->second;
    if (*doubt.due > now) continue;  // It has its own place in the queue.
    doubt.due.reset();
    if (doubt.observers.size() >= kObservers) {
      dead.push_back(*name);
    } else {
      doubt.observers.clear();
      if (doubt.accusers.empty() && !doubt.unreachable) doubts_.erase(entry);
    }
  }
  dues_.compact(doubts_.size(), [&](const std::string& name) {
    const Doubt* doubt = find(name);
    return doubt != nullptr && doubt->due;
  });
  return dead;
}

void Doubts::postpone(TimePoint at_least) {
  for (auto& [name, doubt] : doubts_) {
    if (!doubt.due || *doubt.due >= at_least) continue;
    doubt.due = at_least;
    dues_.push(*doubt.due, name);
  }
}

}  // namespace kith::membership
