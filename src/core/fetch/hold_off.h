// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <deque>
#include <utility>

#include "base/key.h"

namespace kith::fetch {

/// Keys whose load failed a moment ago: they are answered with that error instead of being loaded
/// again at once. Remembers at most kCapacity keys, forgetting the oldest. Pure; loop thread only.
class HoldOff {
 public:
  static constexpr std::size_t kCapacity = 4096;

  void remember(const Key& key, Error error, TimePoint until);
  /// The error to answer with. Null: load.
  const Error* find(KeyView key, TimePoint now);
  void forget(KeyView key);

 private:
  struct Held {
    Error error;
    TimePoint until;
  };
  absl::flat_hash_map<Key, Held, KeyHash, KeyEqual> held_;
  /// In the order of remembering. May name keys that were forgotten or remembered again since.
  std::deque<std::pair<Key, TimePoint>> order_;
};

}  // namespace kith::fetch
