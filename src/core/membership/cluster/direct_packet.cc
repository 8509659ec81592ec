// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/direct_packet.h"

#include <cstddef>
#include <utility>

#include "core/membership/broadcasts.h"
#include "core/membership/encoded_size.h"

namespace kith::membership {
namespace {

/// The compound's type and count.
constexpr std::size_t kCompound = 2;

}  // namespace

std::optional<SendPacket> direct_packet(const Options& options, const Address& to,
                                        std::vector<Message> messages) {
  std::size_t size = options.packet_overhead + kCompound;
  std::size_t fitting = 0;
  while (fitting < messages.size() && fitting < Broadcasts::kMaxParts) {
    size += encoded_size(messages[fitting]) + Broadcasts::kPartOverhead;
    if (size > options.packet_bytes) break;
    ++fitting;
  }
  if (fitting == 0) return std::nullopt;
  messages.resize(fitting);
  return SendPacket{to, std::move(messages)};
}

}  // namespace kith::membership
