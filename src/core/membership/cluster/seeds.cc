// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/seeds.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

namespace kith::membership {
namespace {

using namespace std::chrono_literals;

// While alone.
constexpr Duration kAloneRound = 250ms;
constexpr std::size_t kAtOnce = 3;
constexpr std::size_t kMostOpen = 8;
constexpr Duration kAloneFirstWait = 500ms;
constexpr Duration kAloneMostWait = 10s;
// Among others.
constexpr Duration kRound = 5s;
constexpr Duration kMostWaitFailed = 60s;
/// An address that leads to members who are known under others, such as a balancer's.
constexpr Duration kMostWaitKnown = 300s;
/// Own addresses remembered.
constexpr std::size_t kMostOwn = 256;

}  // namespace

Duration Seeds::jittered(Duration wait) {
  const auto fifth = static_cast<std::int64_t>(wait.count() / 5);
  return wait + Duration(rng_.between(-fifth, fifth));
}

void Seeds::set(std::span<const Address> addresses, const Members& members, TimePoint now) {
  Entries kept;
  open_ = 0;
  for (const Address& address : addresses.first(std::min(addresses.size(), kMaxSeeds))) {
    if (own_.contains(address) || kept.contains(address)) continue;
    const auto known = seeds_.find(address);
    Seed& seed = kept[address];
    if (known != seeds_.end()) {
      seed = known->second;
    } else {
      seed.next_at = now;
      round_at_ = now;
    }
    seed.member = false;
    if (seed.open) ++open_;
  }
  seeds_ = std::move(kept);
  strangers_ = seeds_.size();
  members_.clear();
  members.for_each([&](const Member& member) {
    if (members.is_self(member.name)) {
      on_self(member.address);
    } else if (!member.gone()) {
      on_member(member.name, member.address);
    }
  });
}

void Seeds::set_member(Seed& seed, bool member) {
  if (seed.member == member) return;
  seed.member = member;
  member ? --strangers_ : ++strangers_;
}

void Seeds::on_member(std::string_view name, const Address& address) {
  const auto before = members_.find(name);
  if (before != members_.end() && before->second != address) on_member_gone(name);
  const auto entry = seeds_.find(address);
  if (entry == seeds_.end()) return;
  set_member(entry->second, true);
  members_.insert_or_assign(std::string(name), address);
}

void Seeds::on_member_gone(std::string_view name) {
  const auto member = members_.find(name);
  if (member == members_.end()) return;
  const auto entry = seeds_.find(member->second);
  if (entry != seeds_.end()) {
    set_member(entry->second, false);
    entry->second.waited = Duration::zero();
  }
  members_.erase(member);
}

void Seeds::on_alone(TimePoint now) {
  round_at_ = now;
  for (auto& [address, seed] : seeds_) {
    seed.next_at = now;
    seed.waited = Duration::zero();
  }
}

std::vector<Address> Seeds::due(bool alone, TimePoint now) {
  if (strangers_ == 0 || round_at_ > now) return {};
  round_at_ = now + jittered(alone ? kAloneRound : kRound);
  std::vector<Entries::pointer> candidates;
  for (auto& entry : seeds_) {
    const Seed& seed = entry.second;
    if (!seed.member && !seed.open && seed.next_at <= now) candidates.push_back(&entry);
  }
  rng_.shuffle(std::span(candidates));
  std::vector<Address> chosen;
  for (auto* candidate : candidates) {
    if (chosen.size() >= (alone ? kAtOnce : 1) || open_ >= kMostOpen) break;
    candidate->second.open = true;
    ++open_;
    chosen.push_back(candidate->first);
  }
  return chosen;
}

void Seeds::wait_longer(Seed& seed, Duration least, Duration most, TimePoint now) {
  if (std::exchange(seed.open, false)) --open_;
  seed.waited = std::clamp(2 * seed.waited, least, most);
  seed.next_at = now + jittered(seed.waited);
}

void Seeds::on_reached(const Address& address, bool news, TimePoint now) {
  const auto entry = seeds_.find(address);
  if (entry == seeds_.end()) return;
  if (news) entry->second.waited = Duration::zero();
  wait_longer(entry->second, kRound, kMostWaitKnown, now);
}

void Seeds::on_failed(const Address& address, bool alone, TimePoint now) {
  const auto entry = seeds_.find(address);
  if (entry == seeds_.end()) return;
  if (alone) {
    wait_longer(entry->second, kAloneFirstWait, kAloneMostWait, now);
  } else {
    wait_longer(entry->second, kRound, kMostWaitFailed, now);
  }
}

void Seeds::on_self(const Address& address) {
  if (own_.size() < kMostOwn) own_.insert(address);
  const auto entry = seeds_.find(address);
  if (entry == seeds_.end()) return;
  if (entry->second.open) --open_;
  if (!entry->second.member) --strangers_;
  seeds_.erase(entry);
}

std::optional<TimePoint> Seeds::next_deadline() const {
  if (strangers_ == 0) return std::nullopt;
  return round_at_;
}

}  // namespace kith::membership
