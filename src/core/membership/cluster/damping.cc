// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/damping.h"

#include <algorithm>
#include <cmath>

namespace kith::membership {
namespace {

using Seconds = std::chrono::duration<double>;

/// Below this a return is long forgotten.
constexpr double kForgotten = 50;
/// Added to a computed moment, so that the penalty is below kIn then in spite of rounding.
constexpr Duration kRounding = std::chrono::milliseconds(1);

}  // namespace

double Damping::decayed(const Record& record, TimePoint now) {
  return record.penalty * std::exp2(-(Seconds(now - record.at) / Seconds(kHalfLife)));
}

Damping::Record* Damping::record(std::string_view name, TimePoint now) {
  const auto entry = records_.find(name);
  if (entry != records_.end()) {
    entry->second.penalty = decayed(entry->second, now);
    entry->second.at = now;
    return &entry->second;
  }
  if (records_.size() >= kMostMembers) {
    std::erase_if(records_, [&](const auto& old) {
      return !old.second.out && decayed(old.second, now) < kForgotten;
    });
    if (records_.size() >= kMostMembers) return nullptr;
  }
  Record& fresh = records_[std::string(name)];
  fresh.at = now;
  return &fresh;
}

bool Damping::judge(Record& record) {
  record.penalty = std::min(record.penalty, kMost);
  if (record.out || record.penalty <= kOut) return false;
  record.out = true;
  ++out_;
  return true;
}

bool Damping::on_returned(std::string_view name, TimePoint now) {
  Record* found = record(name, now);
  if (found == nullptr) return false;
  found->penalty += kPerReturn;
  return judge(*found);
}

bool Damping::on_told(std::string_view name, double penalty, TimePoint now) {
  if (!(penalty > kIn)) return false;
  Record* found = record(name, now);
  if (found == nullptr) return false;
  found->penalty = std::min(std::max(found->penalty, penalty), kMost);
  if (found->out) return false;
  found->out = true;
  ++out_;
  return true;
}

bool Damping::out(std::string_view name) const {
  if (out_ == 0) return false;
  const auto entry = records_.find(name);
  return entry != records_.end() && entry->second.out;
}

std::vector<Flapping> Damping::all_out(TimePoint now) const {
  std::vector<Flapping> all;
  if (out_ == 0) return all;
  for (const auto& [name, record] : records_) {
    if (record.out) all.push_back({name, static_cast<std::uint16_t>(decayed(record, now))});
  }
  return all;
}

double Damping::penalty(std::string_view name, TimePoint now) const {
  const auto entry = records_.find(name);
  return entry == records_.end() ? 0 : decayed(entry->second, now);
}

bool Damping::on_deadline(TimePoint now) {
  if (out_ == 0) return false;
  bool any = false;
  for (auto& [name, record] : records_) {
    if (!record.out || decayed(record, now) >= kIn) continue;
    record.out = false;
    --out_;
    any = true;
  }
  return any;
}

std::optional<TimePoint> Damping::next_deadline() const {
  if (out_ == 0) return std::nullopt;
  std::optional<TimePoint> next;
  for (const auto& [name, record] : records_) {
    if (!record.out) continue;
    const Seconds left = Seconds(kHalfLife) * std::max(0.0, std::log2(record.penalty / kIn));
    const TimePoint in = record.at + std::chrono::duration_cast<Duration>(left) + kRounding;
    if (!next || in < *next) next = in;
  }
  return next;
}

}  // namespace kith::membership
