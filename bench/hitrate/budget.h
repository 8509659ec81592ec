// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/store.h"

namespace kith::bench::hitrate {

/// What a replayed trace gives the store: keys of 8 bytes, and values that all show the same zeros
/// and own no memory, so that large values cost the bench nothing. (A store that compresses must be
/// told not to: zeros would take no room.)
KeyView key_view(const std::uint64_t& key);
/// Thread-safe.
Value value_of(std::uint32_t bytes);

/// A budget of the real store, found by trial.
struct Budget {
  std::uint64_t bytes = 0;
  /// How many entries the store holds with it when full: as near to the number asked for as its
  /// accounting allows.
  std::uint64_t entries = 0;
  /// Of the value of each entry.
  std::uint32_t value_bytes = 0;
};

/// The budget with which a store holds `entries` entries of replayed traces, each with a value of
/// `value_bytes`. Requires entries > 0.
///
/// It fills stores with more keys than they can hold and sees how many stay, so it knows nothing of
/// what an entry is charged, nor of what the store's own tables are. It relies on this only: a
/// larger budget holds no fewer entries. To be called whenever the store's accounting may have
/// changed; the result is of no use beyond this process.
Budget budget_of_values(std::uint64_t entries, std::uint32_t value_bytes, std::size_t shards = 0);

/// The same with values of a size that makes the store's fixed costs small: the fewer entries, the
/// larger the values; and larger yet while the number of entries is off by more than one in a
/// hundred, as long as they are 256 MiB together at most.
Budget budget_for(std::uint64_t entries, std::size_t shards = 0);

}  // namespace kith::bench::hitrate
