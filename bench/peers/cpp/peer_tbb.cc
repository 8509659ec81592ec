// SPDX-License-Identifier: Apache-2.0
//
// oneTBB's concurrent_hash_map: a map, not a cache. No bound, no eviction, no order of use.
#include <tbb/concurrent_hash_map.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "bench/peers/cpp/harness.h"
#include "bench/peers/cpp/workload.h"

namespace kith::bench::peers {
namespace {

/// XXH3, as in kith; a look-up by std::string_view makes no string.
struct HashCompare {
  using is_transparent = void;
  static std::size_t hash(std::string_view key) { return hash_with_seed(key, 0); }
  static bool equal(std::string_view a, std::string_view b) { return a == b; }
};

class TbbMap {
 public:
  explicit TbbMap(std::size_t entries) : map_(entries) {}

  void fill(std::span<const BenchKey> keys, std::string_view value) {
    for (const BenchKey& key : keys) {
      Map::accessor place;
      map_.insert(place, std::string(key.view()));
      place->second = std::make_shared<const std::string>(value);
    }
  }

  std::optional<std::size_t> get(std::string_view key) {
    const Shared value = find(key);
    if (value == nullptr) return std::nullopt;
    return checked_size(*value);
  }

  std::size_t entries() const { return map_.size(); }

 private:
  using Shared = std::shared_ptr<const std::string>;
  using Map = tbb::concurrent_hash_map<std::string, Shared, HashCompare>;

  // Not const: the map's own look-up by a view is not.
  Shared find(std::string_view key) {
    Map::const_accessor place;
    return map_.find(place, key) ? place->second : nullptr;
  }

  Map map_;
};

}  // namespace
}  // namespace kith::bench::peers

int main(int argc, char** argv) {
  using namespace kith::bench::peers;
  return run<TbbMap, NoBoundedCache>(parse_arguments(argc, argv));
}
