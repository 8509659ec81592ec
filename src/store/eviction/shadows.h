// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/eviction/ghosts.h"
#include "store/eviction/rules.h"
#include "store/eviction/settings.h"

namespace kith::store {

/// One small cache for each of kExperts, all fed with the same keys, and their score. They share
/// one table of the keys, so that a key that all of them have costs one look. Not thread-safe.
class Shadows {
 public:
  /// Entries of a shadow at most.
  static constexpr std::size_t kMaxEntries = 1024;
  /// Of memory, about.
  static constexpr std::size_t kBytesPerEntry = 220;

  /// Of `entries` each, 1 to kMaxEntries; `best` is the setting that the real cache has.
  Shadows(std::size_t entries, std::size_t best);
  Shadows(const Shadows&) = delete;
  Shadows& operator=(const Shadows&) = delete;

  /// A key was asked for; `hit`: the real cache had it.
  void access(std::uint64_t hash, bool hit);

  std::size_t best() const { return best_; }
  std::size_t bytes() const;

 private:
  static constexpr std::size_t kCount = kExperts.size();
  using Index = std::uint16_t;
  using Mask = std::uint8_t;
  static constexpr Index kNone = UINT16_MAX;

  /// A key that at least one shadow has.
  struct Record {
    std::uint64_t hash = 0;
    Index next = kNone;
    /// Two bits of each shadow.
    std::uint16_t uses = 0;
    /// One bit of each that has it.
    Mask residents = 0;
  };

  class Ring {
   public:
    explicit Ring(std::size_t capacity) : slots_(capacity) {}
    std::size_t size() const { return size_; }
    std::size_t bytes() const { return slots_.size() * sizeof(Index); }
    void push(Index index);
    Index pop();

   private:
    std::vector<Index> slots_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
  };

  /// What Rules asks for; every entry counts 1.
  struct Cache {
    using Node = Index;
    Cache(std::vector<Record>& all, std::size_t expert, std::size_t entries);

    std::vector<Record>& records;
    unsigned shift;
    const Settings& settings_;
    std::size_t capacity_;
    Ghosts ghosts;
    std::array<Ring, 3> rings;
    Index newest_ = kNone;
    unsigned refills = 0;

    const Settings& settings() const { return settings_; }
    std::uint64_t capacity() const { return capacity_; }
    const Ring& ring(QueueId id) const { return rings[static_cast<std::size_t>(id) - 1]; }
    Ring& ring(QueueId id) { return rings[static_cast<std::size_t>(id) - 1]; }
    std::uint64_t charge(QueueId id) const { return ring(id).size(); }
    std::uint64_t charge(Index) const { return 1; }
    bool has_room(Index) const { return size() < capacity_; }
    std::size_t count(QueueId id) const { return ring(id).size(); }
    std::size_t size() const {
      return count(QueueId::small) + count(QueueId::main) + count(QueueId::doomed);
    }
    void push(QueueId id, Index index) { ring(id).push(index); }
    Index pop(QueueId id) { return ring(id).pop(); }
    std::uint8_t uses(Index index) const { return records[index].uses >> shift & kMaxUses; }
    void set_uses(Index index, std::uint8_t uses);
    void remember(Index index) { ghosts.add(records[index].hash); }
    bool recall(Index index) { return ghosts.take(records[index].hash); }
    Index newest() const { return newest_; }
    void set_newest(Index index) { newest_ = index; }
    unsigned next_refill() { return ++refills; }
  };

  Index& head_of(std::uint64_t hash) { return heads_[(hash >> 16) & (heads_.size() - 1)]; }
  Index find(std::uint64_t hash);
  Index make(std::uint64_t hash);
  void drop(Index index);
  static void count_use(Record& record, Mask residents);
  void load(std::size_t expert, Index index);
  void unload(std::size_t expert, Index index, Index in_hand);
  void score(Mask shadows_hit, bool real_hit);
  double merit(std::size_t expert) const;
  double required_lead(std::size_t expert) const;
  void choose();

  const std::size_t entries_;
  const std::size_t period_;
  const double decay_;
  std::vector<Record> records_;
  std::vector<Index> heads_;
  Index free_ = 0;
  std::vector<Cache> caches_;
  std::array<double, kCount> hits_{};
  /// Accesses on which it and the best one were not of one mind.
  std::array<double, kCount> differences_{};
  /// Hits of the shadow that the real cache did not have, while the setting was its own.
  std::array<double, kCount> owed_{};
  std::uint64_t seen_ = 0;
  std::size_t best_;
};

}  // namespace kith::store
