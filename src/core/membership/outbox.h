// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/membership/actions.h"
#include "core/membership/broadcasts.h"
#include "core/membership/members.h"
#include "core/membership/messages.h"
#include "core/membership/options.h"

namespace kith::membership {

/// Makes packets: what must be said, and as much news as fits behind it. Holds the news of the
/// members and of the layer above; the former goes first. Pure; one thread.
class Outbox {
 public:
  /// `members` must outlive it.
  Outbox(const Options& options, const Members& members);

  /// News about a member, replacing older.
  void spread(std::string_view node, Message message) { news_.queue(node, std::move(message)); }
  /// Bytes of the layer above, replacing older ones about the same; an empty `about` replaces
  /// nothing. False when they would fit into no packet.
  bool spread_user(std::string_view about, std::string payload);
  void drop_user(std::string_view about) { user_.drop(about); }
  /// Whether news about the node still has to be sent.
  bool spreading(std::string_view node) const { return news_.contains(node); }
  bool idle() const { return news_.empty() && user_.empty(); }

  /// `message` and news.
  void send(const Address& to, Message message, Actions& out);
  /// These and no news.
  void send_only(const Member& to, std::vector<Message> messages, Actions& out) const;
  /// News alone. False when there is none.
  bool gossip(const Member& to, Actions& out);

  /// Whether the message could be passed on as news.
  bool fits(const Message& message) const;

 private:
  void add_news(std::size_t free, std::vector<Message>& packet);

  const Members& members_;
  /// Of messages, in a packet.
  std::size_t packet_bytes_;
  Profile profile_;
  Broadcasts news_;
  Broadcasts user_;
};

}  // namespace kith::membership
