// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/topics.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/hash.h"

namespace kith::membership {
namespace {

/// The same for the same member on every node; sums of it tell sets apart.
std::uint64_t fingerprint(const placement::Member& member) {
  const std::uint64_t name = placement_hash(member.name);
  return mix64(mix64(name + member.weight) ^ placement_hash(member.zone));
}

/// Calls back for what both have. Both are sorted.
template <class Map, class Visit>
void for_each_common(Map& map, std::span<const CacheId> ids, Visit&& visit) {
  auto entry = map.begin();
  for (std::size_t i = 0; i < ids.size() && entry != map.end();) {
    if (entry->first < ids[i]) {
      ++entry;
    } else {
      if (entry->first == ids[i]) visit(*entry);
      ++i;
    }
  }
}

}  // namespace

std::vector<placement::Member> owners_of(CacheId cache, std::span<const Owner> owners) {
  std::vector<placement::Member> found;
  std::set<NodeId> ids;
  for (const Owner& owner : owners) {
    if (found.size() >= placement::kMaxMembers) break;
    if (!std::ranges::binary_search(owner.caches(), cache)) continue;
    if (ids.insert(node_id(owner.member.name)).second) found.push_back(owner.member);
  }
  return found;
}

void Topics::touch(TimePoint now) {
  if (!change_) change_ = Change{now, now};
  change_->last = now;
}

void Topics::touch_failed(TimePoint now) {
  touch(now);
  change_->failure = true;
}

void Topics::touch_own(TimePoint now) {
  touch(now);
  change_->own = true;
}

TimePoint Topics::due_at(const Change& change, bool failing) const {
  if (change.own) return change.first;
  if (change.failure && failing) return change.first + kMostWaitForFailures;
  return std::min(change.last + kQuiet, change.first + kMostWait);
}

bool Topics::due(TimePoint now, bool failing) const {
  return change_ && due_at(*change_, failing) <= now;
}

std::optional<TimePoint> Topics::next_deadline(bool failing) const {
  if (!change_) return std::nullopt;
  return due_at(*change_, failing);
}

void Topics::publish(std::span<const Owner> owners, ClusterActions& out) {
  change_.reset();
  std::map<CacheId, std::uint64_t> sums;
  for (const auto& [cache, said] : open_) sums.emplace(cache, 0);
  for (const Owner& owner : owners) {
    const std::uint64_t print = fingerprint(owner.member);
    for_each_common(sums, owner.caches(), [&](auto& entry) { entry.second += print; });
  }
  for (auto& [cache, said] : open_) {
    const std::uint64_t sum = sums.at(cache);
    if (said == sum) continue;
    said = sum;
    out.push_back(Participants{cache, owners_of(cache, owners)});
  }
}

}  // namespace kith::membership
