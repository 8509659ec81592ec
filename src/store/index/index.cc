// SPDX-License-Identifier: Apache-2.0
#include "store/index/index.h"

#include <algorithm>
#include <new>
#include <span>

#include "base/check.h"

namespace kith::store {
namespace {

/// Of the largest table: 8192 places, 64 KiB, which are copied in some 30 microseconds.
constexpr std::uint32_t kMaxBuckets = 1024;
/// A table grows when more than 29/32 of its places are taken, or an entry would come to lie
/// further than this from its bucket; and shrinks when less than 3/8 are.
constexpr std::size_t kReach = 64;
/// Small tables double: copying them costs nothing.
constexpr std::uint32_t kSmallBuckets = 32;
/// The directory's top bits come out of the same 32 as the place in a table, and the check.
constexpr std::uint32_t kMaxDepth = 16;

constexpr std::align_val_t kLine{64};

std::uint32_t larger(std::uint32_t buckets) {
  return buckets < kSmallBuckets ? 2 * buckets : buckets + buckets / 8;
}

}  // namespace

Index::Index() {
  const DirectoryWord directory = make_directory(0);
  directory_of(directory).table(0).store(word_of(*make_table(1, 0)), std::memory_order_relaxed);
  directory_.store(directory, std::memory_order_release);
}

Index::~Index() {
  clear();
  reclaim(UINT64_MAX);
  Directory& last = directory_of(directory_.load(std::memory_order_relaxed));
  ::operator delete(table_of_word(last.table(0).load(std::memory_order_relaxed)), kLine);
  ::operator delete(&last, kLine);
}

void Index::clear() {
  // Readers may be anywhere: what they look at is replaced, and given back later.
  const DirectoryWord old = directory_.load(std::memory_order_relaxed);
  const DirectoryWord empty = make_directory(0);
  directory_of(empty).table(0).store(word_of(*make_table(1, 0)), std::memory_order_relaxed);
  directory_.store(empty, std::memory_order_release);
  schedule::point("index: cleared");
  const std::size_t places = std::size_t{1} << depth_of(old);
  for (std::size_t i = 0; i < places;) {
    Table* const table = table_of_word(directory_of(old).table(i).load(std::memory_order_relaxed));
    i += std::size_t{1} << (depth_of(old) - table->depth);
    retire(table, table->bytes());
  }
  retire(&directory_of(old), Directory::bytes(depth_of(old)));
  size_ = 0;
}

void Index::insert(std::uint32_t hash, Handle handle) {
  for (;;) {
    Table& table = table_of(hash);
    const std::size_t places = table.buckets * Bucket::kPlaces;
    const bool crowded = (table.size + 1) * 32 > places * 29 && places > Bucket::kPlaces;
    // Many entries of one hash are far from their bucket however large the table is.
    const std::size_t reach = table.size * 2 < places ? table.buckets : kReach;
    if (!crowded && add(table, hash, handle, reach)) break;
    grow(table, hash);
  }
  ++size_;
}

bool Index::add(Table& table, std::uint32_t hash, Handle handle, std::size_t reach) {
  std::size_t at = table.bucket_of(hash);
  const std::size_t limit = std::min<std::size_t>(reach, table.buckets);
  for (std::size_t probed = 0; probed < limit; ++probed) {
    Bucket& bucket = table.bucket(at);
    for (std::size_t place = 0; place < Bucket::kPlaces; ++place) {
      if (bucket.handle(place) != 0) continue;
      bucket.set(place, hash, handle);
      ++table.size;
      return true;
    }
    // Before the entry is put behind it, so that nobody stops here who looks for it.
    bucket.mark_overflowed();
    schedule::point("index: marked");
    if (++at == table.buckets) at = 0;
  }
  return false;
}

Index::Place Index::place_of(Table& table, std::uint32_t hash, Handle handle) {
  std::size_t at = table.bucket_of(hash);
  for (std::size_t probed = 0; probed < table.buckets; ++probed) {
    Bucket& bucket = table.bucket(at);
    for (std::size_t place = 0; place < Bucket::kPlaces; ++place) {
      if (bucket.handle(place) == handle) return {&bucket, place};
    }
    if (++at == table.buckets) at = 0;
  }
  KITH_CHECK(false);
}

void Index::Bucket::set(std::size_t place, std::uint32_t hash, Handle handle) {
  std::atomic<std::uint64_t>& both = hashes[place / 2];
  const std::uint64_t before = both.load(std::memory_order_relaxed);
  const std::uint64_t after = place % 2 == 0 ? (before >> 32 << 32 | hash)
                                             : (std::uint64_t{hash} << 32 | (before & UINT32_MAX));
  both.store(after, std::memory_order_relaxed);
  schedule::point("index: has written the hash");
  set_handle(place, handle);
}

void Index::Bucket::set_handle(std::size_t place, Handle handle) {
  std::atomic<std::uint32_t>& there = handles[place];
  // Release: who finds the handle finds what was written there. The mark stays.
  there.store((there.load(std::memory_order_relaxed) & kOverflowed) | handle,
              std::memory_order_release);
}

void Index::Bucket::mark_overflowed() {
  handles[0].store(handles[0].load(std::memory_order_relaxed) | kOverflowed,
                   std::memory_order_release);
}

void Index::replace(std::uint32_t hash, Handle handle, Handle next) {
  const Place place = place_of(table_of(hash), hash, handle);
  place.bucket->set_handle(place.number, next);
}

void Index::erase(std::uint32_t hash, Handle handle) {
  Table& table = table_of(hash);
  const Place place = place_of(table, hash, handle);
  place.bucket->set_handle(place.number, 0);
  --table.size;
  --size_;
  if (table.buckets > kSmallBuckets && table.size * 8 < table.buckets * Bucket::kPlaces * 3) {
    resize(table, hash, std::max<std::size_t>(kSmallBuckets, table.buckets / 2));
  } else if (++table.erased > Bucket::kPlaces + table.size / 4) {
    resize(table, hash, table.buckets);  // Rid of the marks.
  }
}

void Index::grow(Table& table, std::uint32_t hash) {
  if (table.buckets < kMaxBuckets || table.depth == kMaxDepth) {
    resize(table, hash, larger(table.buckets));
  } else {
    split(table, hash);
  }
}

void Index::resize(Table& table, std::uint32_t hash, std::size_t buckets) {
  Table* const next = make_table(static_cast<std::uint32_t>(buckets), table.depth);
  copy(table, std::array{next});
  schedule::point("index: has copied");
  put_table(hash, table.depth, next);
  retire(&table, table.bytes());
}

void Index::split(Table& table, std::uint32_t hash) {
  const DirectoryWord directory = directory_.load(std::memory_order_relaxed);
  if (table.depth == depth_of(directory)) {
    const DirectoryWord wider = make_directory(depth_of(directory) + 1);
    for (std::size_t i = 0; i < std::size_t{1} << depth_of(wider); ++i) {
      directory_of(wider).table(i).store(
          directory_of(directory).table(i / 2).load(std::memory_order_relaxed),
          std::memory_order_relaxed);
    }
    directory_.store(wider, std::memory_order_release);
    schedule::point("index: has a wider directory");
    retire(&directory_of(directory), Directory::bytes(depth_of(directory)));
  }
  const std::uint32_t depth = table.depth + 1;
  const std::uint32_t buckets = table.buckets / 2 + table.buckets / 16;
  const std::array<Table*, 2> halves = {make_table(buckets, depth), make_table(buckets, depth)};
  copy(table, halves);
  schedule::point("index: has copied");
  const std::uint32_t second = std::uint32_t{1} << (32 - depth);
  put_table(hash & ~second, depth, halves[0]);
  schedule::point("index: one half is there");
  put_table(hash | second, depth, halves[1]);
  retire(&table, table.bytes());
}

/// Into one table, or into two by the bit behind those that all of `from` have in common.
void Index::copy(const Table& from, std::span<Table* const> to) {
  const schedule::Alone nobody_sees_them_yet;
  for (std::size_t i = 0; i < from.buckets; ++i) {
    const Bucket& bucket = from.bucket(i);
    for (std::size_t place = 0; place < Bucket::kPlaces; ++place) {
      const Handle handle = bucket.handle(place);
      if (handle == 0) continue;
      const std::uint32_t hash = bucket.hash(place);
      const std::size_t half = to.size() == 1 ? 0 : hash << from.depth >> 31;
      KITH_CHECK(add(*to[half], hash, handle, to[half]->buckets));
    }
  }
}

/// Stands for all hashes that have their first `depth` bits in common with `hash`.
void Index::put_table(std::uint32_t hash, std::uint32_t depth, Table* table) {
  const DirectoryWord directory = directory_.load(std::memory_order_relaxed);
  const std::size_t count = std::size_t{1} << (depth_of(directory) - depth);
  const std::size_t first = table_place(directory, hash) / count * count;
  for (std::size_t i = 0; i < count; ++i) {
    directory_of(directory).table(first + i).store(word_of(*table), std::memory_order_release);
    schedule::point("index: has put a table");
  }
}

Index::Table* Index::make_table(std::uint32_t buckets, std::uint32_t depth) {
  const std::size_t bytes = sizeof(Table) + buckets * sizeof(Bucket);
  auto* const table = new (::operator new(bytes, kLine)) Table{buckets, depth, 0, 0};
  for (std::size_t i = 0; i < buckets; ++i) new (&table->bucket(i)) Bucket{};
  bytes_ += bytes;
  return table;
}

Index::DirectoryWord Index::make_directory(std::uint32_t depth) {
  const std::size_t bytes = Directory::bytes(depth);
  auto* const directory = new (::operator new(bytes, kLine)) Directory;
  for (std::size_t i = 0; i < std::size_t{1} << depth; ++i) {
    new (&directory->table(i)) std::atomic<TableWord>(0);
  }
  bytes_ += bytes;
  return reinterpret_cast<DirectoryWord>(directory) | depth;
}

void Index::retire(void* memory, std::size_t bytes) {
  retired_.push_back({memory, bytes, epoch::retire()});
  retired_bytes_ += bytes;
}

void Index::reclaim(std::uint64_t epoch) {
  std::erase_if(retired_, [this, epoch](const Retired& retired) {
    if (retired.epoch > epoch) return false;
    schedule::spoil(retired.memory, retired.bytes);
    ::operator delete(retired.memory, kLine);
    bytes_ -= retired.bytes;
    retired_bytes_ -= retired.bytes;
    return true;
  });
}

}  // namespace kith::store
