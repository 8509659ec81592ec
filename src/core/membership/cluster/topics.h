// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "core/membership/cluster/cluster_actions.h"
#include "core/placement/view.h"

namespace kith::membership {

/// A member that may own keys.
struct Owner {
  placement::Member member;
  /// Sorted. What Meta said, unless `list` says more.
  std::vector<CacheId> inline_caches = {};
  const std::vector<CacheId>* list = nullptr;

  std::span<const CacheId> caches() const { return list != nullptr ? *list : inline_caches; }
};

/// Who owns the keys of a cache: a pure function of the set of owners, which are in the order of
/// their names. Of two names with one NodeId the first counts.
std::vector<placement::Member> owners_of(CacheId cache, std::span<const Owner> owners);

/// The caches that this node has opened, what was last said of each one's participants, and when to
/// look again: changes that come together make one. Pure; one thread.
class Topics {
 public:
  /// A change counts when nothing else changed for kQuiet, and after kMostWait at the latest.
  static constexpr Duration kQuiet = std::chrono::milliseconds(250);
  static constexpr Duration kMostWait = std::chrono::seconds(1);
  /// A failure waits this long at most while others are unreachable that may fail with it. Requests
  /// for their keys go to stand-ins meanwhile.
  static constexpr Duration kMostWaitForFailures = std::chrono::seconds(5);

  void open(CacheId cache) { open_.try_emplace(cache); }
  void close(CacheId cache) { open_.erase(cache); }
  std::size_t count() const { return open_.size(); }

  /// Something changed that the participants may follow from.
  void touch(TimePoint now);
  void touch_failed(TimePoint now);
  /// A change of this node itself, which waits for nobody.
  void touch_own(TimePoint now);

  /// `failing`: members are unreachable and may fail next.
  bool due(TimePoint now, bool failing) const;
  /// Emits what differs from what was said last.
  void publish(std::span<const Owner> owners, ClusterActions& out);
  std::optional<TimePoint> next_deadline(bool failing) const;

 private:
  struct Change {
    TimePoint first;
    TimePoint last;
    bool failure = false;
    bool own = false;
  };
  TimePoint due_at(const Change& change, bool failing) const;

  /// With a sum over the participants; empty: nothing was said yet.
  std::map<CacheId, std::optional<std::uint64_t>> open_;
  std::optional<Change> change_;
};

}  // namespace kith::membership
