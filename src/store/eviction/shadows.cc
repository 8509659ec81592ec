// SPDX-License-Identifier: Apache-2.0
#include "store/eviction/shadows.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kith::store {
namespace {

// In turnovers, which are as many accesses as a shadow has entries, and hits per entry.

/// Of the scores: longer than one pass of a loop, in which leads come and go.
constexpr double kHalfLife = 20;
/// Standard deviations by which a challenger must lead.
constexpr double kNoise = 1;
/// Hits by which it must lead beside that: until the queues have followed, a change costs misses.
constexpr double kSwitchCost = 0.05;
/// Until then it takes more, a whole cache of hits at first: the first scores tell of the filling.
constexpr double kColdTurnovers = 12;
/// Hits by which the real cache may stay behind its shadow.
constexpr double kGrace = 1;

std::size_t period_of(std::size_t entries) { return std::max<std::size_t>(8, entries / 8); }

}  // namespace

void Shadows::Ring::push(Index index) {
  const std::size_t end = first_ + size_++;
  slots_[end < slots_.size() ? end : end - slots_.size()] = index;
}

Shadows::Index Shadows::Ring::pop() {
  const Index index = slots_[first_];
  first_ = first_ + 1 == slots_.size() ? 0 : first_ + 1;
  --size_;
  return index;
}

Shadows::Cache::Cache(std::vector<Record>& all, std::size_t expert, std::size_t entries)
    : records(all),
      shift(static_cast<unsigned>(2 * expert)),
      settings_(kExperts[expert]),
      capacity_(entries),
      ghosts(2 * entries),
      rings{Ring(entries + 2), Ring(entries + 2), Ring(2)} {}

void Shadows::Cache::set_uses(Index index, std::uint8_t uses) {
  std::uint16_t& all = records[index].uses;
  all =
      static_cast<std::uint16_t>((all & ~(unsigned{kMaxUses} << shift)) | unsigned{uses} << shift);
}

Shadows::Shadows(std::size_t entries, std::size_t best)
    : entries_(std::clamp<std::size_t>(entries, 1, kMaxEntries)),
      period_(period_of(entries_)),
      decay_(
          std::exp2(-static_cast<double>(period_) / (kHalfLife * static_cast<double>(entries_)))),
      // Every shadow may have other keys, and one more on its way in.
      records_(kCount * (entries_ + 1) + 1),
      heads_(std::bit_ceil(records_.size()), kNone),
      best_(best) {
  for (std::size_t i = 0; i + 1 < records_.size(); ++i) {
    records_[i].next = static_cast<Index>(i + 1);
  }
  for (std::size_t i = 0; i < kCount; ++i) caches_.emplace_back(records_, i, entries_);
}

void Shadows::access(std::uint64_t hash, bool hit) {
  Index index = find(hash);
  if (index == kNone) index = make(hash);
  const Mask residents = records_[index].residents;
  count_use(records_[index], residents);
  for (std::size_t i = 0; i < kCount; ++i) {
    if ((residents >> i & 1) == 0) load(i, index);
  }
  if (records_[index].residents == 0) drop(index);
  score(residents, hit);
  if (++seen_ % period_ == 0) choose();
}

std::size_t Shadows::bytes() const {
  std::size_t bytes =
      sizeof(Shadows) + records_.size() * sizeof(Record) + heads_.size() * sizeof(Index);
  for (const Cache& cache : caches_) {
    bytes += sizeof(Cache) + cache.ghosts.bytes();
    for (const Ring& ring : cache.rings) bytes += ring.bytes();
  }
  return bytes;
}

Shadows::Index Shadows::find(std::uint64_t hash) {
  Index index = head_of(hash);
  while (index != kNone && records_[index].hash != hash) index = records_[index].next;
  return index;
}

Shadows::Index Shadows::make(std::uint64_t hash) {
  const Index index = free_;
  free_ = records_[index].next;
  records_[index] = Record{hash, head_of(hash), 0, 0};
  head_of(hash) = index;
  return index;
}

void Shadows::drop(Index index) {
  Index* link = &head_of(records_[index].hash);
  while (*link != index) link = &records_[*link].next;
  *link = records_[index].next;
  records_[index].next = free_;
  free_ = index;
}

/// One more, up to 3, in each pair of bits whose shadow has the key.
void Shadows::count_use(Record& record, Mask residents) {
  unsigned ones = 0;
  for (std::size_t i = 0; i < kCount; ++i) ones |= (unsigned{residents} >> i & 1u) << (2 * i);
  const unsigned full = record.uses & (unsigned{record.uses} >> 1);
  record.uses = static_cast<std::uint16_t>(record.uses + (ones & ~full));
}

void Shadows::load(std::size_t expert, Index index) {
  Cache& cache = caches_[expert];
  records_[index].residents |= static_cast<Mask>(1u << expert);
  Rules<Cache>::insert(cache, index);
  if (cache.size() > entries_) unload(expert, Rules<Cache>::evict(cache), index);
}

void Shadows::unload(std::size_t expert, Index index, Index in_hand) {
  records_[index].residents &= static_cast<Mask>(~(1u << expert));
  if (caches_[expert].newest() == index) caches_[expert].set_newest(kNone);
  if (records_[index].residents == 0 && index != in_hand) drop(index);
}

void Shadows::score(Mask shadows_hit, bool real_hit) {
  owed_[best_] += static_cast<int>(shadows_hit >> best_ & 1) - static_cast<int>(real_hit);
  if (shadows_hit == 0) return;
  constexpr unsigned kAll = (1u << kCount) - 1;
  const unsigned differ =
      (shadows_hit >> best_ & 1) != 0 ? kAll & ~unsigned{shadows_hit} : unsigned{shadows_hit};
  for (std::size_t i = 0; i < kCount; ++i) {
    hits_[i] += shadows_hit >> i & 1;
    differences_[i] += differ >> i & 1;
  }
}

/// Its hits, less those that the real cache did not have with this setting: a shadow may lie on the
/// lucky side of an edge, such as a loop exactly as long as it, or live on what the real cache
/// never came to hold.
double Shadows::merit(std::size_t expert) const {
  return hits_[expert] - std::max(0.0, owed_[expert] - kGrace * static_cast<double>(entries_));
}

double Shadows::required_lead(std::size_t expert) const {
  const double turnovers = static_cast<double>(seen_) / static_cast<double>(entries_);
  const double cost = std::max(kSwitchCost, 1 - turnovers / kColdTurnovers);
  return kNoise * std::sqrt(differences_[expert]) + cost * static_cast<double>(entries_);
}

void Shadows::choose() {
  std::size_t choice = best_;
  double most = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const double surplus = merit(i) - merit(best_) - required_lead(i);
    if (surplus > most) {
      most = surplus;
      choice = i;
    }
  }
  if (choice != best_) {
    best_ = choice;
    // They were counted against the former one. The difference in hits is the least that they are.
    for (std::size_t i = 0; i < kCount; ++i) differences_[i] = std::abs(hits_[i] - hits_[choice]);
  }
  for (double& hits : hits_) hits *= decay_;
  for (double& differences : differences_) differences *= decay_;
  for (double& owed : owed_) owed *= decay_;
}

}  // namespace kith::store
