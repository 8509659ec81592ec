// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/catalog.h"

#include <algorithm>
#include <set>

namespace kith::membership {
namespace {

/// Lists in use are few; only when they are more is looked for the unused.
constexpr std::size_t kFewLists = 4;

bool sorted_and_distinct(const std::vector<CacheId>& list) {
  return std::ranges::adjacent_find(list, std::greater_equal<>()) == list.end();
}

}  // namespace

std::vector<CacheListPart> parts_of(const CacheListDigest& digest,
                                    const std::vector<CacheId>& list) {
  std::vector<CacheListPart> parts;
  for (std::size_t first = 0; first < list.size(); first += kCachesInPart) {
    const std::size_t end = std::min(list.size(), first + kCachesInPart);
    CacheListPart part{digest, static_cast<std::uint16_t>(first), {}, false};
    for (std::size_t i = first; i < end; ++i) part.caches.push_back(list[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

void Catalog::set_own(const std::optional<CacheListDigest>& digest, const List& list) {
  own_ = digest;
  if (digest) accept(*digest, list);
  drop_unused();
}

void Catalog::on_member(std::string_view name, const std::optional<CacheListDigest>& digest,
                        TimePoint now) {
  const auto known = members_.find(name);
  if (!digest) {
    if (known == members_.end()) return;
    members_.erase(known);
    drop_unused();
    return;
  }
  Entry& entry = known != members_.end() ? known->second : members_[std::string(name)];
  entry.present = *digest;
  if (lists_.contains(*digest)) {
    entry.shown = *digest;
  } else if (lists_.size() + wanted_.size() < kMostLists && !wanted_.contains(*digest)) {
    Wanted wanted{List(digest->count), std::vector<bool>(digest->count), digest->count, now};
    // Not everybody at once.
    wanted.ask_at = now + kFirstWait + Duration(rng_.between(0, kFirstWait.count()));
    wanted_.emplace(*digest, std::move(wanted));
  }
  drop_unused();
}

bool Catalog::on_part(const CacheListPart& part, bool& complete) {
  complete = false;
  const auto entry = wanted_.find(part.digest);
  if (entry == wanted_.end()) return false;
  Wanted& wanted = entry->second;
  if (part.first + part.caches.size() > wanted.caches.size()) return false;
  bool news = false;
  for (std::size_t i = 0; i < part.caches.size(); ++i) {
    const std::size_t at = part.first + i;
    if (wanted.known[at]) continue;
    wanted.known[at] = true;
    wanted.caches[at] = part.caches[i];
    --wanted.missing;
    news = true;
  }
  if (!news || wanted.missing > 0) return news;
  List list = std::move(wanted.caches);
  if (sorted_and_distinct(list) && digest_of(list) == part.digest) {
    complete = accept(part.digest, std::move(list));
    return true;
  }
  // Somebody told something else. From the start.
  wanted.caches = List(part.digest.count);
  wanted.known.assign(part.digest.count, false);
  wanted.missing = part.digest.count;
  return false;
}

bool Catalog::on_list(const List& list) {
  if (list.size() > kMaxCaches || !sorted_and_distinct(list)) return false;
  const CacheListDigest digest = digest_of(list);
  return wanted_.contains(digest) && accept(digest, list);
}

bool Catalog::accept(const CacheListDigest& digest, List list) {
  wanted_.erase(digest);
  lists_.insert_or_assign(digest, std::move(list));
  bool shown = false;
  for (auto& [name, entry] : members_) {
    if (entry.present != digest) continue;
    entry.shown = digest;
    shown = true;
  }
  drop_unused();
  return shown;
}

void Catalog::drop_unused() {
  if (lists_.size() + wanted_.size() <= kFewLists) return;
  std::set<CacheListDigest> used;
  if (own_) used.insert(*own_);
  for (const auto& [name, entry] : members_) {
    used.insert(entry.present);
    if (entry.shown) used.insert(*entry.shown);
  }
  std::erase_if(lists_, [&](const auto& list) { return !used.contains(list.first); });
  std::erase_if(wanted_, [&](const auto& wanted) { return !used.contains(wanted.first); });
}

const Catalog::List* Catalog::shown(std::string_view name) const {
  const auto entry = members_.find(name);
  if (entry == members_.end() || !entry->second.shown) return nullptr;
  return find(*entry->second.shown);
}

const Catalog::List* Catalog::find(const CacheListDigest& digest) const {
  const auto entry = lists_.find(digest);
  return entry == lists_.end() ? nullptr : &entry->second;
}

std::vector<const Catalog::List*> Catalog::all() const {
  std::vector<const List*> all;
  for (const auto& [digest, list] : lists_) all.push_back(&list);
  return all;
}

std::vector<std::pair<std::string, CacheListDigest>> Catalog::due(TimePoint now) {
  std::vector<std::pair<std::string, CacheListDigest>> asks;
  for (auto& [digest, wanted] : wanted_) {
    if (wanted.ask_at > now || asks.size() >= kAsksAtOnce) continue;
    wanted.waited = std::clamp(2 * wanted.waited, kFirstWait, kMostWait);
    wanted.ask_at = now + wanted.waited;
    std::vector<const std::string*> holders;
    for (const auto& [name, entry] : members_) {
      if (entry.present == digest) holders.push_back(&name);
    }
    if (!holders.empty()) asks.emplace_back(*holders[rng_.below(holders.size())], digest);
  }
  return asks;
}

std::optional<TimePoint> Catalog::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [digest, wanted] : wanted_) {
    if (!next || wanted.ask_at < *next) next = wanted.ask_at;
  }
  return next;
}

}  // namespace kith::membership
