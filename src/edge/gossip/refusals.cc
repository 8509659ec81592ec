// SPDX-License-Identifier: Apache-2.0
#include "edge/gossip/refusals.h"

#include <chrono>
#include <utility>

namespace kith::edge::gossip {
namespace {

constexpr Duration kRepeatAfter = std::chrono::minutes(1);
constexpr std::size_t kMaxReasons = 64;

}  // namespace

std::optional<std::string> Refusals::note(const Endpoint& source, const Error& why, TimePoint now) {
  auto known = reasons_.find(why.message);
  if (known == reasons_.end()) {
    // So many texts are one, of which nobody has to hear more often.
    std::string text = reasons_.size() < kMaxReasons ? why.message : std::string();
    known = reasons_.try_emplace(std::move(text), Reason{now - kRepeatAfter}).first;
  }
  Reason& reason = known->second;
  if (now - reason.said < kRepeatAfter) {
    ++reason.unsaid;
    return std::nullopt;
  }
  std::string line = "refused from " + source.to_string() + ": " + why.message;
  if (reason.unsaid > 0) {
    line += " (and " + std::to_string(reason.unsaid) + " times since this was last said)";
  }
  reason = {now};
  return line;
}

}  // namespace kith::edge::gossip
