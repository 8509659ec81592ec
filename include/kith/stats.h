// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kith {

/// What one cache did on one node since it was opened. Counters only rise; a read is not a snapshot
/// of one instant. Every get ends in exactly one of the seven `gets_*`.
struct CacheStats {
  std::uint64_t gets_local = 0;   ///< Answered from this node's memory, a key it owns.
  std::uint64_t gets_mirror = 0;  ///< Answered from this node's memory, a copy of another's key.
  std::uint64_t gets_peer = 0;    ///< Answered from another node's memory.
  std::uint64_t gets_origin = 0;  ///< A loader ran for it, here or at the owner.
  std::uint64_t gets_stale = 0;   ///< An expired value, because the loader failed.
  std::uint64_t gets_failed = 0;  ///< Ended in an error.
  std::uint64_t gets_absent = 0;  ///< Answered "not found".

  std::uint64_t loads = 0;               ///< Loader calls begun on this node.
  std::uint64_t loads_failed = 0;        ///< ... that ended in an error or ran out of time.
  std::uint64_t loads_cancelled = 0;     ///< ... whose last waiter left.
  std::uint64_t loads_refresh = 0;       ///< ... begun early, before the entry expired.
  std::uint64_t loads_guest = 0;         ///< ... begun for a key that another node owns.
  std::uint64_t loads_late_answers = 0;  ///< Answers ignored: second ones, or after the time-out.
  std::uint64_t loads_shared = 0;        ///< Requests that joined a load already running.

  std::uint64_t served = 0;     ///< Requests of other nodes answered.
  std::uint64_t redirects = 0;  ///< Answers "not the owner" that were followed.
  std::uint64_t stand_ins = 0;  ///< Requests sent to a stand-in, because the owner did not answer.
  std::uint64_t hedges = 0;     ///< Second requests sent because the first was slow.
  std::uint64_t refused_busy = 0;  ///< Loads refused because the queue was full.

  std::uint64_t entries = 0;       ///< Values held now.
  std::uint64_t bytes = 0;         ///< Memory they take, in bytes.
  std::uint64_t memory_bytes = 0;  ///< All memory of the cache, its index included.
  std::uint64_t budget_bytes = 0;  ///< What memory_bytes may be now: see CacheOptions::elastic.
  std::uint64_t evictions = 0;     ///< Entries given up for more popular ones.
  std::uint64_t returns = 0;       ///< Loads of keys that had been given up not long ago.
  std::uint64_t rejected = 0;      ///< Values not kept, because memory_bytes is too small for them.
  std::uint64_t expirations = 0;   ///< Entries dropped after their time.
};

/// What a node has of memory now, in bytes. Figures of one moment each, so that their sum is
/// of none.
struct NodeMemory {
  std::uint64_t budget_bytes = 0;      ///< NodeOptions::memory_bytes.
  std::uint64_t cache_bytes = 0;       ///< All caches, with their indexes.
  std::uint64_t request_bytes = 0;     ///< Requests and loads under way, about.
  std::uint64_t connection_bytes = 0;  ///< Buffers of the connections to peers.
  /// The node itself: who owns which key, its threads, and what the allocator keeps for each of
  /// them. About.
  std::uint64_t fixed_bytes = 0;
};

}  // namespace kith
