// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/membership/messages.h"

namespace kith::membership {

/// News to be spread, each piece as often as the pool's size demands. Newer news about a node
/// replaces older, so there is at most one piece for each. Pure; one thread.
class Broadcasts {
 public:
  /// What a further message costs in a packet besides its own bytes.
  static constexpr std::size_t kPartOverhead = 2;
  /// Messages in one packet; old readers count no further.
  static constexpr std::size_t kMaxParts = 127;

  /// At most `max_items`; beyond that the piece that was sent most often gives way.
  explicit Broadcasts(std::size_t max_items) : max_items_(max_items) {}

  /// News about `node`. An empty name: about nobody, which replaces nothing.
  void queue(std::string_view node, Message message);

  /// The news about `node` needs not be sent any more.
  void drop(std::string_view node);

  /// Fills a packet with what was sent least, in that the longest that fits into what is left of
  /// `free` bytes, in that the newest. Counts it as sent; what was sent `limit` times is dropped.
  /// Returns what is left.
  std::size_t take(std::size_t free, std::uint32_t limit, std::vector<Message>& packet);

  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  bool contains(std::string_view node) const { return by_node_.contains(node); }

 private:
  /// In the order of taking.
  struct Rank {
    std::uint32_t sent = 0;
    std::size_t size = 0;
    std::uint64_t id = 0;

    friend bool operator<(const Rank& a, const Rank& b) {
      if (a.sent != b.sent) return a.sent < b.sent;
      if (a.size != b.size) return a.size > b.size;
      return a.id > b.id;
    }
  };
  struct Item {
    std::string node;
    Message message;
  };
  using Items = std::map<Rank, Item>;
  void insert(const Rank& rank, Item item);
  void erase(Items::iterator item);

  std::size_t max_items_;
  Items items_;
  std::map<std::string, Rank, std::less<>> by_node_;
  std::uint64_t last_id_ = 0;
};

}  // namespace kith::membership
