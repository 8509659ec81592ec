// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "core/membership/cluster/node_data.h"
#include "core/membership/cluster/notices.h"

namespace kith::membership {

/// The lists of caches that are too long for Meta, by their content, so that the same list of many
/// nodes is kept and sent once. They come in parts by gossip, with push/pulls, and from the member
/// itself when it is asked. Until a member's new list is here its former one counts. What does not
/// have the content that was promised is thrown away. Pure; one thread.
class Catalog {
 public:
  /// Different lists kept or waited for; of members with further ones counts what Meta says.
  static constexpr std::size_t kMostLists = 512;
  /// A list that does not come by itself is asked for after it, and so on, ever less often.
  static constexpr Duration kFirstWait = std::chrono::milliseconds(500);
  static constexpr Duration kMostWait = std::chrono::seconds(10);
  /// Asked for at once.
  static constexpr std::size_t kAsksAtOnce = 8;

  using List = std::vector<CacheId>;

  /// `rng` must outlive it.
  explicit Catalog(Rng& rng) : rng_(rng) {}

  /// This node's own list; empty: it fits into Meta.
  void set_own(const std::optional<CacheListDigest>& digest, const List& list);
  /// What a member's Meta says now. Empty: it has none of these lists.
  void on_member(std::string_view name, const std::optional<CacheListDigest>& digest,
                 TimePoint now);

  /// True: the part was new and wanted. `complete` then says whether members' caches are known now
  /// that were not.
  bool on_part(const CacheListPart& part, bool& complete);
  /// The same of a whole list.
  bool on_list(const List& list);

  /// What counts for the member. Null: nothing is known. Valid until the next change.
  const List* shown(std::string_view name) const;
  /// Null: not here.
  const List* find(const CacheListDigest& digest) const;
  /// The lists that this node and members have at present.
  std::vector<const List*> all() const;

  /// Names of members to be asked for the digests beside them.
  std::vector<std::pair<std::string, CacheListDigest>> due(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Entry {
    CacheListDigest present;
    /// Not present yet, or not any more, where the two differ.
    std::optional<CacheListDigest> shown;
  };
  struct Wanted {
    /// Its caches, and which of them are known.
    List caches;
    std::vector<bool> known;
    std::size_t missing = 0;
    TimePoint ask_at;
    Duration waited = Duration::zero();
  };
  bool accept(const CacheListDigest& digest, List list);
  void drop_unused();

  Rng& rng_;
  std::map<CacheListDigest, List> lists_;
  std::map<CacheListDigest, Wanted> wanted_;
  std::optional<CacheListDigest> own_;
  std::map<std::string, Entry, std::less<>> members_;
};

/// The parts of a list.
std::vector<CacheListPart> parts_of(const CacheListDigest& digest,
                                    const std::vector<CacheId>& list);

}  // namespace kith::membership
