// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/silent_packets.h"

#include <algorithm>
#include <span>
#include <utility>

namespace kith::membership {
namespace {

/// Rounds of probing without a complaint, after which a member's packets count as answered.
constexpr int kRounds = 3;
constexpr Duration kLeastMemory = std::chrono::minutes(1);
/// Members of which is remembered that they were warned of.
constexpr std::size_t kMostWarned = 1024;

}  // namespace

std::optional<Warning> SilentPackets::on_unanswered(std::string_view name, const Address& address,
                                                    std::size_t others, TimePoint now) {
  if (members_.empty()) exchange_at_ = now;
  Entry& entry = members_.try_emplace(std::string(name)).first->second;
  entry.address = address;
  entry.last = now;

  const auto lately = [&](TimePoint at) { return now - at < kSilence; };
  std::erase_if(warned_, [&](const auto& one) { return !lately(one.second); });
  if (warned_of_all_ && lately(*warned_of_all_)) return std::nullopt;
  if (others >= 2 && 2 * members_.size() > others) {
    warned_of_all_ = now;
    return Warning{Warning::Kind::all_packets_blocked};
  }
  if (warned_.contains(name) || warned_.size() >= kMostWarned) return std::nullopt;
  warned_.emplace(name, now);
  return Warning{Warning::Kind::packets_blocked, std::string(name), address};
}

void SilentPackets::forget(std::string_view name) {
  const auto entry = members_.find(name);
  if (entry != members_.end()) members_.erase(entry);
}

std::vector<Address> SilentPackets::due(std::size_t others, TimePoint now) {
  if (members_.empty() || exchange_at_ > now) return {};
  exchange_at_ = now + kExchange;
  const Duration memory =
      std::max(kLeastMemory, kRounds * static_cast<Duration::rep>(others + 1) * interval_);
  std::erase_if(members_, [&](const auto& one) { return now - one.second.last > memory; });
  std::vector<Entry*> uninformed;
  for (auto& [name, entry] : members_) {
    if (entry.told != news_) uninformed.push_back(&entry);
  }
  rng_.shuffle(std::span(uninformed));
  uninformed.resize(std::min(uninformed.size(), kExchangesAtOnce));
  std::vector<Address> chosen;
  for (Entry* entry : uninformed) {
    entry->told = news_;
    chosen.push_back(entry->address);
  }
  return chosen;
}

std::optional<TimePoint> SilentPackets::next_deadline() const {
  if (members_.empty()) return std::nullopt;
  return exchange_at_;
}

}  // namespace kith::membership
