// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/witnesses.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/hash.h"
#include "core/membership/cluster/node_data.h"

namespace kith::membership {
namespace {

/// Apart from the numbers of the membership's own pings.
constexpr std::uint32_t kOwnPing = std::uint32_t{1} << 31;
/// Of the time for an answer, the first attempt's.
constexpr int kFirstShareNumerator = 2;
constexpr int kFirstShareDenominator = 5;
/// A node whose score is not among so many times the witnesses' expected ones is none of them: that
/// fewer than 8 of 32 expected ones are there has a chance of 10^-7.
constexpr std::size_t kMargin = 4;

std::uint64_t salt_of(std::string_view about, std::uint64_t number) {
  return mix64(placement_hash(about) ^ mix64(number));
}
std::uint64_t score_of(std::string_view name, std::uint64_t salt) {
  return mix64(placement_hash(name) ^ salt);
}

}  // namespace

std::vector<const Member*> witnesses_of(const Members& members, std::string_view about,
                                        std::uint64_t number) {
  const std::uint64_t salt = salt_of(about, number);
  using Scored = std::pair<std::uint64_t, const Member*>;
  std::vector<Scored> best;  // A heap with the least in front.
  members.for_each([&](const Member& member) {
    if (member.state != State::alive || member.name == about || !cluster_of(member.meta)) return;
    const Scored scored{score_of(member.name, salt), &member};
    if (best.size() == kWitnesses) {
      if (scored.first <= best.front().first) return;
      std::ranges::pop_heap(best, std::greater<>(), &Scored::first);
      best.pop_back();
    }
    best.push_back(scored);
    std::ranges::push_heap(best, std::greater<>(), &Scored::first);
  });
  std::vector<const Member*> chosen;
  for (const auto& [score, member] : best) chosen.push_back(member);
  return chosen;
}

bool is_witness(const Members& members, std::string_view about, std::uint64_t number) {
  const std::size_t likely = kMargin * kWitnesses;
  const Member& self = members.self();
  if (members.size() > likely) {
    const std::uint64_t least = UINT64_MAX - UINT64_MAX / members.size() * likely;
    if (score_of(self.name, salt_of(about, number)) < least) return false;
  }
  const auto witnesses = witnesses_of(members, about, number);
  return std::ranges::find(witnesses, &self) != witnesses.end();
}

const WitnessProbes::Probe* WitnessProbes::begin(const Member& suspect, std::uint32_t incarnation,
                                                 TimePoint now, Duration span) {
  const auto known = open_.find(suspect.name);
  if (known != open_.end() && known->second.probe.incarnation >= incarnation) return nullptr;
  if (known == open_.end() && open_.size() >= kMost) return nullptr;
  const Duration first = span * kFirstShareNumerator / kFirstShareDenominator;
  Open& open = open_[suspect.name];
  open = {{suspect.name, suspect.address, incarnation, kOwnPing | ++last_},
          1,
          now + first,
          span - first};
  return &open.probe;
}

bool WitnessProbes::on_ack(std::uint32_t seq_no) {
  if ((seq_no & kOwnPing) == 0) return false;
  return std::erase_if(open_,
                       [&](const auto& entry) { return entry.second.probe.seq_no == seq_no; }) > 0;
}

void WitnessProbes::end(std::string_view name) {
  const auto entry = open_.find(name);
  if (entry != open_.end()) open_.erase(entry);
}

WitnessProbes::Due WitnessProbes::on_deadline(TimePoint now) {
  Due due;
  for (auto& [name, open] : open_) {
    if (open.due > now) continue;
    if (open.attempts < kAttempts) {
      ++open.attempts;
      open.due = now + open.rest;
      due.again.push_back(open.probe);
    } else {
      due.failed.push_back(open.probe);
    }
  }
  for (const Probe& probe : due.failed) end(probe.name);
  return due;
}

std::optional<TimePoint> WitnessProbes::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [name, open] : open_) {
    if (!next || open.due < *next) next = open.due;
  }
  return next;
}

void WitnessProbes::postpone(TimePoint at_least) {
  for (auto& [name, open] : open_) open.due = std::max(open.due, at_least);
}

}  // namespace kith::membership
