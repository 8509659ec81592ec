// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "store/eviction/advisor.h"
#include "store/shard.h"

namespace kith::store {
namespace {

/// A shard is worth its lock only while it is large against the largest values (8 MiB by default).
constexpr std::uint64_t kMinShardBytes = 16u << 20;
/// More would not spread the writers of any machine better.
constexpr std::uint64_t kDefaultShards = 16;
constexpr std::uint64_t kMaxShards = 64;
constexpr std::size_t kKeysAtOnce = 32;
/// Of the budget that the advisor may take.
constexpr std::uint64_t kAdvisorShare = 32;

/// Makes a frame of the value where that is worth it. True: it is one now.
bool compress(Compressor& compressor, Value& value) {
  const std::size_t most = compressor.max_frame_bytes(value.size());
  if (most == 0) return false;
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < most) buffer.resize(most);
  const auto size = compressor.compress(value.bytes(), std::span(buffer).first(most));
  if (!size) return false;
  value = Value::copy_of({reinterpret_cast<const char*>(buffer.data()), *size});
  return true;
}

}  // namespace

Store::Store(const StoreOptions& options)
    : hash_seed_(options.hash_seed),
      advisor_(std::make_unique<Advisor>()),
      compressor_(options.compress ? std::make_unique<Compressor>(CompressionOptions{}) : nullptr),
      budget_(options.budget_bytes),
      until_census_(1) {
  const std::uint64_t shards =
      options.shards != 0
          ? options.shards
          : std::clamp<std::uint64_t>(std::bit_floor(options.budget_bytes / kMinShardBytes), 1,
                                      kDefaultShards);
  KITH_CHECK(std::has_single_bit(shards) && shards <= kMaxShards);
  KITH_CHECK(options.mirror_share >= 0 && options.mirror_share <= 1);
  shard_shift_ = 32 - static_cast<unsigned>(std::countr_zero(shards));
  for (std::uint64_t i = 0; i < shards; ++i) {
    shards_.push_back(
        std::make_unique<Shard>(ShardOptions{.budget_bytes = options.budget_bytes / shards,
                                             .mirror_share = options.mirror_share,
                                             .tenure = options.tenure,
                                             .hash_seed = options.hash_seed,
                                             .advisor = advisor_.get(),
                                             .compressor = compressor_.get()}));
  }
}

Store::~Store() = default;

void Store::find_many(std::span<const std::string_view> keys, const Pin&,
                      std::span<Found> found) const {
  KITH_CHECK(keys.size() == found.size());
  std::array<std::uint64_t, kKeysAtOnce> hashes;
  for (std::size_t first = 0; first < keys.size(); first += kKeysAtOnce) {
    const std::size_t count = std::min(kKeysAtOnce, keys.size() - first);
    // Each round asks for the memory that the next one reads, so that the waits overlap.
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = hash_of(keys[first + i]);
      shard_of(hashes[i]).prefetch_index(hashes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) shard_of(hashes[i]).prefetch_item(hashes[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const Shard& shard = shard_of(hashes[i]);
      Item* item = shard.find(hashes[i], keys[first + i]);
      if (item != nullptr && !shard.of_present_tenure(*item)) item = nullptr;
      found[first + i] = {&shard, item, hashes[i]};
    }
  }
}

std::optional<Entry> Store::get(KeyView key, TimePoint now) {
  const std::uint64_t hash = hash_of(key.bytes);
  Shard& shard = shard_of(hash);
  {
    const Pin pin;
    Item* const item = shard.find(hash, key.bytes);
    if (item == nullptr) return std::nullopt;
    const bool present = shard.of_present_tenure(*item);
    if (present && now < item->expires()) {
      touch({&shard, item, hash});
      return shard.entry_of(*item, pin);
    }
    if (present && now < item->stale_until()) return std::nullopt;
  }
  shard.drop_dead(hash, key.bytes, now);
  return std::nullopt;
}

std::optional<Entry> Store::get_stale(KeyView key, TimePoint now) const {
  const Pin pin;
  const Found found = find(key.bytes, pin);
  if (!found || now >= found.item_->stale_until()) return std::nullopt;
  return found.shard_->entry_of(*found.item_, pin);
}

bool Store::contains(KeyView key, TimePoint now) const {
  const Pin pin;
  const Found found = find(key.bytes, pin);
  return found && now < found.expires();
}

void Store::get_many(std::span<const KeyView> keys, TimePoint now,
                     std::span<std::optional<Entry>> entries) {
  KITH_CHECK(keys.size() == entries.size());
  const Pin pin;
  std::array<Found, kKeysAtOnce> found;
  std::array<std::string_view, kKeysAtOnce> bytes;
  for (std::size_t first = 0; first < keys.size(); first += kKeysAtOnce) {
    const std::size_t count = std::min(kKeysAtOnce, keys.size() - first);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = keys[first + i].bytes;
    find_many(std::span(bytes).first(count), pin, std::span(found).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      entries[first + i].reset();
      if (!found[i] || now >= found[i].expires()) continue;
      touch(found[i]);
      entries[first + i].emplace(found[i].shard_->entry_of(*found[i].item_, pin));
    }
  }
}

bool Store::put(KeyView key, Entry entry, TimePoint now) {
  const std::uint64_t hash = hash_of(key.bytes);
  const bool compressed = compressor_ != nullptr && compress(*compressor_, entry.value);
  const Shard::Outcome outcome = shard_of(hash).put(hash, key, std::move(entry), compressed, now);
  if (outcome == Shard::Outcome::inserted) advise_on(hash);
  return outcome != Shard::Outcome::refused;
}

/// A key came that was not there.
void Store::advise_on(std::uint64_t hash) {
  if (until_census_.fetch_sub(1, std::memory_order_relaxed) == 1) {
    // The first entries tell already how large entries are. Looked at again when there are twice
    // as many.
    std::size_t entries = 0;
    std::size_t expected = 0;
    for (const auto& shard : shards_) {
      entries += shard->entries();
      expected += shard->expected_entries();
    }
    advisor_->set_entries(expected, budget_bytes() / kAdvisorShare);
    share_budget();
    until_census_.store(static_cast<std::int64_t>(entries + 1), std::memory_order_relaxed);
  }
  if (advisor_->sampled(hash)) advisor_->access(hash, false);
}

bool Store::erase(KeyView key) {
  const std::uint64_t hash = hash_of(key.bytes);
  return shard_of(hash).erase(hash, key.bytes);
}

void Store::clear() {
  for (const auto& shard : shards_) shard->clear();
}

bool Store::give_back(TimePoint now) {
  share_budget();
  bool more = false;
  for (const auto& shard : shards_) more = shard->maintain(now) || more;
  return more;
}

void Store::maintain(TimePoint now) {
  give_back(now);
  for (const auto& shard : shards_) shard->use_huge_pages();
  if (compressor_ != nullptr && compressor_->training_due()) compressor_->train();
}

void Store::set_budget(std::uint64_t bytes) {
  budget_.store(bytes, std::memory_order_relaxed);
  share_budget();
}

/// The shards have what the shared parts leave.
void Store::share_budget() {
  const std::uint64_t budget = budget_bytes();
  const std::uint64_t left = budget - std::min(budget / 2, shared_bytes());
  for (const auto& shard : shards_) shard->set_budget(left / shards_.size());
}

std::uint64_t Store::shared_bytes() const {
  return advisor_->bytes() + (compressor_ == nullptr ? 0 : compressor_->memory_bytes());
}

StoreStats Store::stats() const {
  StoreStats stats;
  stats.memory_bytes = shared_bytes();
  for (const auto& shard : shards_) shard->add_stats(stats);
  return stats;
}

}  // namespace kith::store
