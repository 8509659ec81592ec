// SPDX-License-Identifier: Apache-2.0
//
// What a program without a cache library writes, done with care: 64 shards, each an LRU list and a
// hash map behind a mutex, values shared.
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "bench/peers/cpp/harness.h"
#include "bench/peers/cpp/workload.h"

namespace kith::bench::peers {
namespace {

constexpr std::size_t kShards = 64;

/// Thread-safe. Keys are kept once, in the list; the map refers to them.
class ShardedLru {
 public:
  using Shared = std::shared_ptr<const std::string>;

  explicit ShardedLru(std::size_t entries)
      : shard_limit_((entries + kShards - 1) / kShards), shards_(kShards) {}

  void fill(std::span<const BenchKey> keys, std::string_view value) {
    for (const BenchKey& key : keys) put(key.view(), value);
  }

  void put(std::string_view key, std::string_view value) {
    auto shared = std::make_shared<const std::string>(value);
    Shard& shard = shard_of(key);
    MutexLock lock(&shard.mutex);
    if (const auto found = shard.places.find(text(key)); found != shard.places.end()) {
      found->second->second = std::move(shared);
      shard.order.splice(shard.order.begin(), shard.order, found->second);
      return;
    }
    if (shard.order.size() == shard_limit_) {
      shard.places.erase(text(shard.order.back().first));
      shard.order.pop_back();
    }
    shard.order.emplace_front(std::string(key), std::move(shared));
    shard.places.emplace(text(shard.order.front().first), shard.order.begin());
  }

  std::optional<std::size_t> get(std::string_view key) {
    const Shared value = find(key);
    if (value == nullptr) return std::nullopt;
    return checked_size(*value);
  }

  std::size_t entries() {
    std::size_t sum = 0;
    for (Shard& shard : shards_) {
      MutexLock lock(&shard.mutex);
      sum += shard.order.size();
    }
    return sum;
  }

 private:
  using Order = std::list<std::pair<std::string, Shared>>;

  struct alignas(64) Shard {
    Mutex mutex;
    Order order ABSL_GUARDED_BY(mutex);  ///< The last used one first.
    absl::flat_hash_map<absl::string_view, Order::iterator> places ABSL_GUARDED_BY(mutex);
  };

  // Abseil's own type, which is not everywhere the standard one.
  static absl::string_view text(std::string_view key) { return {key.data(), key.size()}; }

  // The top bits, because the map uses the low ones.
  Shard& shard_of(std::string_view key) {
    return shards_[(absl::Hash<absl::string_view>()(text(key)) >> 32) % kShards];
  }

  Shared find(std::string_view key) {
    Shard& shard = shard_of(key);
    MutexLock lock(&shard.mutex);
    const auto found = shard.places.find(text(key));
    if (found == shard.places.end()) return nullptr;
    shard.order.splice(shard.order.begin(), shard.order, found->second);
    return found->second->second;
  }

  const std::size_t shard_limit_;
  std::vector<Shard> shards_;
};

}  // namespace
}  // namespace kith::bench::peers

int main(int argc, char** argv) {
  using namespace kith::bench::peers;
  return run<ShardedLru, ShardedLru>(parse_arguments(argc, argv));
}
