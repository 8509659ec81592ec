// SPDX-License-Identifier: Apache-2.0
#include "core/membership/outbox.h"

#include <cstdint>
#include <utility>

#include "core/membership/encoded_size.h"
#include "core/membership/scaling.h"
#include "core/membership/versions.h"

namespace kith::membership {
namespace {

/// The compound's type and count.
constexpr std::size_t kCompound = 2;
/// Pieces of the layer above that may wait.
constexpr std::size_t kMaxUserItems = 1024;

constexpr std::size_t minus(std::size_t a, std::size_t b) { return a > b ? a - b : 0; }

}  // namespace

Outbox::Outbox(const Options& options, const Members& members)
    : members_(members),
      packet_bytes_(minus(options.packet_bytes, options.packet_overhead)),
      profile_(options.profile),
      news_(options.max_members),
      user_(kMaxUserItems) {}

bool Outbox::spread_user(std::string_view about, std::string payload) {
  Message message = User{std::move(payload)};
  if (!fits(message)) return false;
  user_.queue(about, std::move(message));
  return true;
}

bool Outbox::fits(const Message& message) const {
  return encoded_size(message) + kCompound + Broadcasts::kPartOverhead <= packet_bytes_;
}

void Outbox::send(const Address& to, Message message, Actions& out) {
  const std::size_t used = encoded_size(message) + kCompound + Broadcasts::kPartOverhead;
  std::vector<Message> packet;
  packet.push_back(std::move(message));
  add_news(minus(packet_bytes_, used), packet);
  out.push_back(SendPacket{to, std::move(packet)});
}

void Outbox::send_only(const Member& to, std::vector<Message> messages, Actions& out) const {
  out.push_back(SendPacket{to.address, std::move(messages), Understands::checksums(to.versions)});
}

bool Outbox::gossip(const Member& to, Actions& out) {
  std::vector<Message> packet;
  add_news(minus(packet_bytes_, kCompound), packet);
  if (packet.empty()) return false;
  send_only(to, std::move(packet), out);
  return true;
}

void Outbox::add_news(std::size_t free, std::vector<Message>& packet) {
  const std::uint32_t limit = retransmit_limit(profile_, members_.size());
  free = news_.take(free, limit, packet);
  user_.take(free, limit, packet);
}

}  // namespace kith::membership
