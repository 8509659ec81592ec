// SPDX-License-Identifier: Apache-2.0
//
// kith in the comparison. Hits and memory: the public API. Inserts and hit ratio: the store inside
// it, because a put has no place in the API; entries come from loaders.
#include <kith/kith.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/peers/cpp/harness.h"
#include "bench/peers/cpp/workload.h"
#include "store/store.h"

namespace kith::bench::peers {
namespace {

constexpr std::uint64_t kMebibyte = 1u << 20;
/// Budget of the cache that holds all entries: about twice what it needs.
constexpr std::uint64_t kAmpleBytes = 512 * kMebibyte;

/// A node without peers and its one cache.
class KithCache {
 public:
  explicit KithCache(std::size_t)
      : node_(
            or_die(Node::start({.listen = "", .memory_bytes = kAmpleBytes, .loader_threads = 1}))),
        cache_(open()) {}

  /// In batches, which the loader answers with `value`.
  void fill(std::span<const BenchKey> keys, std::string_view value) {
    constexpr std::size_t kBatch = 256;
    value_ = value;
    std::vector<std::string> batch;
    for (std::size_t from = 0; from < keys.size(); from += kBatch) {
      batch.clear();
      for (const BenchKey& key : keys.subspan(from, std::min(kBatch, keys.size() - from))) {
        batch.emplace_back(key.view());
      }
      for (const auto& result : cache_.get_many(batch)) {
        if (!result || !*result) die("a load failed");
      }
    }
  }

  std::optional<std::size_t> get(std::string_view key) const {
    const Result<std::optional<Value>> value = cache_.get(key);
    if (!value || !*value) return std::nullopt;
    return checked_size((*value)->view());
  }

  std::size_t entries() const { return cache_.stats().entries; }
  const Cache& cache() const { return cache_; }

 private:
  template <class T>
  static T or_die(Result<T> result) {
    if (!result) die(result.error().message);
    return *std::move(result);
  }

  Cache open() {
    const auto load = [this](std::span<const LoadRequest> requests) {
      std::vector<LoadResult> results;
      results.reserve(requests.size());
      for (std::size_t i = 0; i < requests.size(); ++i) {
        results.emplace_back(Value::copy_of(value_));
      }
      return results;
    };
    return or_die(node_.open("peers",
                             {.memory_bytes = kAmpleBytes, .negative_ttl = Duration::zero()},
                             Loader::batch(load)));
  }

  /// Written before the first load; the queue of loads orders it before their reads.
  std::string_view value_;
  Node node_;
  Cache cache_;
};

/// Notes the length of a value that it is shown.
struct NoteSize {
  std::optional<std::size_t>& size;
  void operator()(std::span<const std::byte> bytes) const {
    size = checked_size({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

/// The form of get that shows the bytes in place and hands out no handle.
template <class C>
concept HasVisitor = requires(const C& cache, std::string_view key, NoteSize note) {
  cache.get(key, note);
};

/// A template, so that it compiles where the form is not there.
template <class C>
class VisitedCache {
 public:
  explicit VisitedCache(std::size_t capacity) : cache_(capacity) {}
  void fill(std::span<const BenchKey> keys, std::string_view value) { cache_.fill(keys, value); }
  std::size_t entries() const { return cache_.entries(); }

  std::optional<std::size_t> get(std::string_view key) const {
    std::optional<std::size_t> size;
    const C& cache = cache_.cache();
    static_cast<void>(cache.get(key, NoteSize{size}));
    return size;
  }

 private:
  KithCache cache_;
};

int run_visitor(Arguments arguments) {
  arguments.mode = "hit";
  if constexpr (HasVisitor<Cache>) {
    return run<VisitedCache<Cache>, NoBoundedCache>(arguments);
  } else {
    print_unsupported(arguments.mode);
    return 0;
  }
}

void put(store::Store& store, std::string_view key, std::string_view value) {
  store.put(KeyView::of(key), {.value = Value::copy_of(value)}, TimePoint());
}

/// How many entries a store with this budget holds when it is full.
std::size_t entries_held(std::uint64_t budget_bytes) {
  store::Store store({.budget_bytes = budget_bytes});
  const std::string value(kValueBytes, 'v');
  for (std::size_t n = 0; n < 2 * kBoundedEntries; ++n) put(store, BenchKey::nth(n).view(), value);
  return store.stats().entries;
}

/// The largest budget, to 32 KiB, with which the store holds no more than `entries`.
std::uint64_t budget_for(std::size_t entries) {
  constexpr std::uint64_t kStep = 32 * 1024;
  std::uint64_t low = entries * (16 + kValueBytes);
  std::uint64_t high = 4 * low;
  while (high - low > kStep) {
    const std::uint64_t middle = low + (high - low) / 2;
    (entries_held(middle) <= entries ? low : high) = middle;
  }
  return low;
}

class KithStore {
 public:
  explicit KithStore(std::size_t entries) : store_({.budget_bytes = budget(entries)}) {}

  void put(std::string_view key, std::string_view value) { peers::put(store_, key, value); }

  std::optional<std::size_t> get(std::string_view key) {
    const std::optional<Entry> entry = store_.get(KeyView::of(key), TimePoint());
    if (!entry) return std::nullopt;
    return checked_size(entry->value.view());
  }

  std::size_t entries() const { return store_.stats().entries; }

 private:
  /// The search takes seconds, and a process asks for one number of entries only.
  static std::uint64_t budget(std::size_t entries) {
    static const std::uint64_t found = budget_for(entries);
    return found;
  }

  store::Store store_;
};

}  // namespace
}  // namespace kith::bench::peers

int main(int argc, char** argv) {
  using namespace kith::bench::peers;
  const Arguments arguments = parse_arguments(argc, argv);
  if (arguments.mode == "hit_visitor") return run_visitor(arguments);
  return run<KithCache, KithStore>(arguments);
}
