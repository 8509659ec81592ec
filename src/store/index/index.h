// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/epoch.h"
#include "base/schedule_point.h"
#include "store/memory/arena.h"

namespace kith::store {

/// From hashes to handles: a hash table that is read without a lock, and that grows and shrinks in
/// steps of microseconds. It knows the hashes' lower 32 bits only, and no keys: who finds a handle
/// looks at what is there.
///
/// A directory of tables by the hashes' top bits (extendible hashing, Fagin 1979). A table is a run
/// of buckets of one cache line, in the order of the hashes, so that it grows by an eighth with one
/// pass over it. A bucket that is full flows over into the next and is marked. A table of the
/// largest size splits in two. Entries that leave do not take the marks with them: now and then a
/// table is copied to be rid of them.
///
/// find() and prefetch() may be called by anyone who is pinned, together with the changes of one
/// other thread; those replace what readers may be looking at, and give it back by epochs.
class Index {
 public:
  Index();
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  /// A handle of this hash, most often the only one. 0: none in the bucket where it belongs; but
  /// find() may know one.
  [[gnu::always_inline]] Handle likely(std::uint32_t hash) const {
    const Run run = run_of(hash);
    const Bucket& bucket = run.buckets[run.bucket_of(hash)];
    const unsigned places = bucket.places_of(hash);
    if (places == 0) [[unlikely]]
      return 0;
    schedule::point("likely: saw the hash");
    return bucket.handle(static_cast<std::size_t>(std::countr_zero(places)));
  }
  /// The first handle of this hash for which `is_it(handle)`. 0: none.
  template <class IsIt>
  Handle find(std::uint32_t hash, IsIt&& is_it) const {
    const Run run = run_of(hash);
    const std::size_t first = run.bucket_of(hash);
    std::size_t at = first;
    do {
      const Bucket& bucket = run.buckets[at];
      for (unsigned places = bucket.places_of(hash); places != 0; places &= places - 1) {
        schedule::point("find: saw the hash");
        const Handle handle = bucket.handle(static_cast<std::size_t>(std::countr_zero(places)));
        if (handle != 0 && is_it(handle)) return handle;
      }
      schedule::point("find: not in the bucket");
      if (!bucket.overflowed()) break;
      if (++at == run.count) at = 0;
    } while (at != first);
    return 0;
  }
  /// A hint that find() of the hash comes soon.
  void prefetch(std::uint32_t hash) const {
    const Run run = run_of(hash);
    __builtin_prefetch(&run.buckets[run.bucket_of(hash)]);
  }

  /// Requires that the handle is not there.
  void insert(std::uint32_t hash, Handle handle);
  /// Puts `next` in the place of `handle`. Requires that it is there.
  void replace(std::uint32_t hash, Handle handle, Handle next);
  /// Requires that it is there.
  void erase(std::uint32_t hash, Handle handle);
  void clear();

  std::size_t size() const { return size_; }
  /// Of memory, with what has been replaced and cannot be given back yet.
  std::size_t bytes() const { return bytes_; }
  /// Of those: what waits for reclaim().
  std::size_t retired_bytes() const { return retired_bytes_; }
  /// Gives back what nobody can be reading any more. Requires epoch::all_left(epoch).
  void reclaim(std::uint64_t epoch);

 private:
  /// Eight hashes, then eight handles. A reader may see a place's hash and the handle of another
  /// time: both were there while it looked, and whoever finds a handle compares the keys.
  struct alignas(64) Bucket {
    static constexpr std::size_t kPlaces = 8;
    static constexpr std::uint32_t kOverflowed = std::uint32_t{1} << 31;
    static constexpr Handle kHandleMask = (Handle{1} << kHandleBits) - 1;

    /// Two hashes each, the even place's in the lower half.
    std::array<std::atomic<std::uint64_t>, kPlaces / 2> hashes;
    /// 0: the place is free. The first one also has the mark of the bucket.
    std::array<std::atomic<std::uint32_t>, kPlaces> handles;

    /// A bit for each place that has, or had, this hash.
    unsigned places_of(std::uint32_t hash) const;
    std::uint32_t hash(std::size_t place) const {
      const std::uint64_t both = hashes[place / 2].load(std::memory_order_relaxed);
      return static_cast<std::uint32_t>(place % 2 == 0 ? both : both >> 32);
    }
    Handle handle(std::size_t place) const {
      // Acquire: what the item's writer wrote there.
      return handles[place].load(std::memory_order_acquire) & kHandleMask;
    }
    bool overflowed() const {
      return (handles[0].load(std::memory_order_acquire) & kOverflowed) != 0;
    }
    void set(std::size_t place, std::uint32_t hash, Handle handle);
    void set_handle(std::size_t place, Handle handle);
    void mark_overflowed();
  };

  /// Its buckets follow it.
  struct alignas(64) Table {
    std::uint32_t buckets;
    /// How many of the hashes' top bits are the same in all of the table.
    std::uint32_t depth;
    std::uint32_t size;
    /// Entries that left since it was made.
    std::uint32_t erased;

    std::size_t bucket_of(std::uint32_t hash) const { return place(hash, depth, buckets); }
    Bucket& bucket(std::size_t i) { return reinterpret_cast<Bucket*>(this + 1)[i]; }
    const Bucket& bucket(std::size_t i) const {
      return reinterpret_cast<const Bucket*>(this + 1)[i];
    }
    std::size_t bytes() const { return sizeof(Table) + buckets * sizeof(Bucket); }
  };
  static std::size_t place(std::uint32_t hash, std::uint32_t depth, std::uint32_t buckets) {
    return (std::uint64_t{hash << depth} * buckets) >> 32;
  }

  /// What a reader needs of a table, in one word, so that it need not look at the table itself:
  /// the address, a multiple of 64 below 2^48; the depth; the number of buckets.
  using TableWord = std::uint64_t;
  static constexpr unsigned kDepthBits = 5;
  static constexpr unsigned kCountBits = 17;
  struct Run {
    const Bucket* buckets;
    std::uint32_t depth;
    std::uint32_t count;

    std::size_t bucket_of(std::uint32_t hash) const { return place(hash, depth, count); }
  };
  static TableWord word_of(const Table& table) {
    return reinterpret_cast<std::uintptr_t>(&table) << (kCountBits + kDepthBits - 6) |
           std::uint64_t{table.buckets} << kDepthBits | table.depth;
  }
  static Table* table_of_word(TableWord word) {
    return reinterpret_cast<Table*>(word >> (kCountBits + kDepthBits) << 6);
  }

  /// Its tables follow it, 2^depth of them.
  struct alignas(64) Directory {
    std::atomic<TableWord>& table(std::size_t i) {
      return reinterpret_cast<std::atomic<TableWord>*>(this)[i];
    }
    static std::size_t bytes(std::uint32_t depth) {
      return std::max<std::size_t>(64, sizeof(TableWord) << depth);
    }
  };
  static_assert(alignof(Directory) == 64);
  /// The address of a directory, and in the lower bits, which it has none of, its depth.
  using DirectoryWord = std::uintptr_t;
  static std::uint32_t depth_of(DirectoryWord word) { return word & 63; }
  static Directory& directory_of(DirectoryWord word) {
    return *reinterpret_cast<Directory*>(word & ~DirectoryWord{63});
  }
  static std::size_t table_place(DirectoryWord word, std::uint32_t hash) {
    return (std::uint64_t{hash} << depth_of(word)) >> 32;
  }

  struct Retired {
    void* memory;
    std::size_t bytes;
    std::uint64_t epoch;
  };

  TableWord table_word(std::uint32_t hash) const {
    const DirectoryWord directory = directory_.load(std::memory_order_acquire);
    schedule::point("index: has the directory");
    return directory_of(directory)
        .table(table_place(directory, hash))
        .load(std::memory_order_acquire);
  }
  Run run_of(std::uint32_t hash) const {
    const TableWord word = table_word(hash);
    schedule::point("index: has the table");
    return {&table_of_word(word)->bucket(0),
            static_cast<std::uint32_t>(word & ((1u << kDepthBits) - 1)),
            static_cast<std::uint32_t>(word >> kDepthBits & ((1u << kCountBits) - 1))};
  }
  Table& table_of(std::uint32_t hash) const { return *table_of_word(table_word(hash)); }
  Table* make_table(std::uint32_t buckets, std::uint32_t depth);
  DirectoryWord make_directory(std::uint32_t depth);
  static bool add(Table& table, std::uint32_t hash, Handle handle, std::size_t reach);
  struct Place {
    Bucket* bucket;
    std::size_t number;
  };
  static Place place_of(Table& table, std::uint32_t hash, Handle handle);
  void copy(const Table& from, std::span<Table* const> to);
  void grow(Table& table, std::uint32_t hash);
  void split(Table& table, std::uint32_t hash);
  void resize(Table& table, std::uint32_t hash, std::size_t buckets);
  void put_table(std::uint32_t hash, std::uint32_t depth, Table* table);
  void retire(void* memory, std::size_t bytes);

  std::atomic<DirectoryWord> directory_{0};
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  std::size_t retired_bytes_ = 0;
  std::vector<Retired> retired_;
};

inline unsigned Index::Bucket::places_of(std::uint32_t hash) const {
#if defined(__SSE2__)
  const auto pair = [this](std::size_t i) {
    return static_cast<long long>(hashes[i].load(std::memory_order_acquire));
  };
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(hash));
  const __m128i low = _mm_cmpeq_epi32(_mm_set_epi64x(pair(1), pair(0)), wanted);
  const __m128i high = _mm_cmpeq_epi32(_mm_set_epi64x(pair(3), pair(2)), wanted);
  return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(low)) |
                               _mm_movemask_ps(_mm_castsi128_ps(high)) << 4);
#else
  unsigned places = 0;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::uint64_t both = hashes[i].load(std::memory_order_acquire);
    places |= unsigned{static_cast<std::uint32_t>(both) == hash} << (2 * i);
    places |= unsigned{both >> 32 == hash} << (2 * i + 1);
  }
  return places;
#endif
}

}  // namespace kith::store
