// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/beliefs.h"

#include "base/check.h"

namespace kith::sim::pool {
namespace {

using State = Beliefs::State;

State after(Told::Kind kind, State before) {
  switch (kind) {
    case Told::Kind::joined:
      return State::alive;
    case Told::Kind::updated:
      return before;
    case Told::Kind::suspected:
      return before == State::unreachable ? before : State::suspect;
    case Told::Kind::cleared:
      return before == State::unreachable ? before : State::alive;
    case Told::Kind::unreachable:
      return State::unreachable;
    case Told::Kind::reachable:
      return State::alive;
    case Told::Kind::failed:
      return State::dead;
    case Told::Kind::left:
      return State::left;
  }
  KITH_CHECK(false);
}

}  // namespace

void Beliefs::add() {
  hosts_.emplace_back();
  for (auto& row : rows_) row.emplace_back();
  rows_.emplace_back(hosts_.size());
}

void Beliefs::started(HostIndex host, std::uint8_t place) {
  KITH_CHECK(!hosts_[host].present);
  count_all_about(host, -1);
  for (Belief& belief : rows_[host]) belief = {};
  hosts_[host].present = true;
  hosts_[host].place = place;
  ++present_;
  count_all_about(host, +1);
  count_all_of(host, +1);
}

void Beliefs::gone(HostIndex host) {
  if (!hosts_[host].present) return;
  count_all_about(host, -1);
  count_all_of(host, -1);
  hosts_[host].present = false;
  --present_;
  count_all_about(host, +1);
}

void Beliefs::told(HostIndex observer, HostIndex subject, Told::Kind kind, std::uint8_t place) {
  if (observer == subject) return;
  Belief& belief = rows_[observer][subject];
  const bool counted = hosts_[observer].present;
  if (counted) count(observer, subject, -1);
  belief.state = after(kind, belief.state);
  belief.place = place;
  if (counted) count(observer, subject, +1);
}

bool Beliefs::is_wrong(HostIndex observer, HostIndex subject) const {
  const Belief& belief = rows_[observer][subject];
  if (!hosts_[subject].present) return belief.member();
  return !belief.member() || belief.place != hosts_[subject].place;
}

void Beliefs::count(HostIndex observer, HostIndex subject, int by) {
  const Belief& belief = rows_[observer][subject];
  const auto step = static_cast<std::size_t>(by);  // Wraps around for -1, as it should.
  if (is_wrong(observer, subject)) wrong_ += step;
  if (belief.member()) hosts_[subject].believers += step;
  if (belief.trusted()) hosts_[subject].trusters += step;
}

void Beliefs::count_all_about(HostIndex subject, int by) {
  for (HostIndex observer = 0; observer < hosts_.size(); ++observer) {
    if (hosts_[observer].present && observer != subject) count(observer, subject, by);
  }
}

void Beliefs::count_all_of(HostIndex observer, int by) {
  for (HostIndex subject = 0; subject < hosts_.size(); ++subject) {
    if (observer != subject) count(observer, subject, by);
  }
}

}  // namespace kith::sim::pool
