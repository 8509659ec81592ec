// SPDX-License-Identifier: Apache-2.0
#include "core/membership/broadcasts.h"

#include <iterator>
#include <utility>

#include "core/membership/encoded_size.h"

namespace kith::membership {

void Broadcasts::queue(std::string_view node, Message message) {
  drop(node);
  if (items_.size() >= max_items_) erase(std::prev(items_.end()));
  const std::size_t size = encoded_size(message);
  insert({0, size, ++last_id_}, {std::string(node), std::move(message)});
}

void Broadcasts::drop(std::string_view node) {
  const auto known = by_node_.find(node);
  if (known != by_node_.end()) erase(items_.find(known->second));
}

std::size_t Broadcasts::take(std::size_t free, std::uint32_t limit, std::vector<Message>& packet) {
  std::vector<std::pair<Rank, Item>> again;
  std::uint32_t sent = 0;
  while (free > kPartOverhead && packet.size() < kMaxParts) {
    // The longest that fits among those sent as often, else the first of those sent more often.
    const auto next = items_.lower_bound({sent, free - kPartOverhead, UINT64_MAX});
    if (next == items_.end()) break;
    if (next->first.sent != sent) {
      sent = next->first.sent;
      continue;
    }
    free -= next->first.size + kPartOverhead;
    packet.push_back(next->second.message);
    if (sent + 1 < limit) {
      again.emplace_back(Rank{sent + 1, next->first.size, next->first.id}, next->second);
    }
    erase(next);
  }
  for (auto& [rank, item] : again) insert(rank, std::move(item));
  return free;
}

void Broadcasts::insert(const Rank& rank, Item item) {
  if (!item.node.empty()) by_node_.insert_or_assign(item.node, rank);
  items_.emplace(rank, std::move(item));
}

void Broadcasts::erase(Items::iterator item) {
  const auto by_node = by_node_.find(item->second.node);
  if (by_node != by_node_.end()) by_node_.erase(by_node);
  items_.erase(item);
}

}  // namespace kith::membership
