// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/fetch.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/fetch/answers.h"
#include "core/fetch/ttl.h"

namespace kith::fetch {
namespace {

/// How long another node's request is kept past its budget. That node counts from when it sent,
/// this one from when it received; and when the caller whose time is over was the first of several,
/// the request for the others, sent at that moment, finds the load still running.
constexpr Duration kNewsGrace = std::chrono::milliseconds(100);

}  // namespace

Fetch::Fetch(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
             const Ownership& ownership, Surroundings& surroundings)
    : cache_(cache),
      options_(options),
      storage_(storage),
      ownership_(ownership),
      surroundings_(surroundings),
      flights_(cache, id_base, options_, storage, ownership, surroundings, waiters_, *statistics_),
      asks_(cache, id_base, options_, storage, ownership, surroundings, waiters_, flights_,
            *statistics_) {}

void Fetch::get(KeyView key, const Waiter& user, TimePoint now, Actions& out) {
  // The user looked into memory before; a fill may have come between.
  if (const auto entry = storage_.get(key, now)) {
    out.emplace_back(Complete{user.ticket, answer_of(Found{*entry})});
  } else if (user.deadline <= now) {
    out.emplace_back(Complete{user.ticket, tl::unexpected<Error>(timed_out(user))});
  } else if (owns(key)) {
    flights_.join(key, user, Flights::Role::owner, now, out);
  } else {
    asks_.join(key, user, now, out);
  }
}

void Fetch::withdraw(Ticket ticket, TimePoint now, Actions& out) {
  const auto handle = waiters_.find_withdrawable(ticket);
  if (!handle) return;
  remove(*handle, now, out);
  out.emplace_back(Complete{ticket, fail(ErrorCode::cancelled, "the caller withdrew the request")});
}

void Fetch::refresh(KeyView key, TimePoint now, Actions& out) {
  if (owns(key)) flights_.refresh(key, now, out);
}

void Fetch::on_loaded(LoadId load, LoadOutcome outcome, TimePoint now, Actions& out) {
  flights_.on_loaded(load, std::move(outcome), now, out);
}

void Fetch::serve(NodeId caller, std::span<const wire::peer::Get* const> gets, TimePoint now,
                  Actions& out) {
  // Nothing that serving one of them does puts into the storage: loads answer later.
  keys_.clear();
  for (const wire::peer::Get* get : gets) keys_.push_back(KeyView::of(get->key));
  entries_.resize(gets.size());
  storage_.get_many(keys_, now, entries_);
  for (std::size_t i = 0; i < gets.size(); ++i) {
    serve(caller, *gets[i], keys_[i], entries_[i], now, out);
  }
  entries_.clear();
}

void Fetch::serve(NodeId caller, const wire::peer::Get& get, KeyView key,
                  std::optional<Entry>& entry, TimePoint now, Actions& out) {
  using wire::peer::NotOwner;
  const ViewId view = ownership_.view->id();
  statistics_->served.add();
  if (entry && may_serve(key, *entry, get)) {
    Value value = std::move(entry->value);
    const Found found{*entry, false, false, entry->holding != Holding::owned};
    out.emplace_back(
        value_reply(caller, get.request, view, flights_.load_hint(), found, std::move(value), now));
    consider_refresh(key, *entry, now, out);
    return;
  }
  const bool owner = owns(key);
  if (get.no_load) {
    out.emplace_back(Send{caller, wire::peer::Miss{get.request}});
    return;
  }
  if (surroundings_.draining) {
    out.emplace_back(Send{caller, NotOwner{get.request, NotOwner::Reason::draining, view,
                                           ownership_.view->owner(key.slot())}});
    return;
  }
  // A load that runs here is joined whoever owns the key: that cannot close a cycle, and saves one.
  if (!owner && !get.guest && !flights_.alive(key)) {
    out.emplace_back(Send{caller, NotOwner{get.request, NotOwner::Reason::not_mine, view,
                                           ownership_.view->owner(key.slot())}});
    return;
  }
  // Nobody waits any more, or the request is waiting here already.
  if (get.budget_us == 0 || waiters_.find_remote(caller, get.request)) return;
  const TimePoint deadline = after(now, std::chrono::microseconds(get.budget_us) + kNewsGrace);
  flights_.join(key, Waiter::node(caller, get.request, deadline),
                owner ? Flights::Role::owner : Flights::Role::guest, now, out);
}

bool Fetch::may_serve(KeyView key, const Entry& entry, const wire::peer::Get& get) const {
  // What the storage gives out as owned is of the present tenure, unless it never changes anyway.
  if (entry.holding == Holding::owned || options_.immutable) return true;
  return (get.guest && entry.holding == Holding::guest) || owns(key);
}

void Fetch::consider_refresh(KeyView key, const Entry& entry, TimePoint now, Actions& out) {
  if (refresh_due(entry, now, options_.early_refresh, surroundings_.rng) && owns(key)) {
    flights_.refresh(key, now, out);
  }
}

void Fetch::cancel(NodeId caller, wire::peer::RequestId request, TimePoint now, Actions& out) {
  if (const auto handle = waiters_.find_remote(caller, request)) remove(*handle, now, out);
}

void Fetch::on_caller_gone(NodeId caller, TimePoint now, Actions& out) {
  std::vector<Waiters::Handle> gone;
  waiters_.for_each([&](Waiters::Handle handle, const Waiter& waiter) {
    if (waiter.remote && waiter.caller == caller) gone.push_back(handle);
  });
  for (const Waiters::Handle handle : gone) remove(handle, now, out);
}

void Fetch::on_unreachable(NodeId node, TimePoint now, Actions& out) {
  asks_.on_unreachable(node, now, out);
}

void Fetch::stop(TimePoint, Actions& out) {
  const Error error{ErrorCode::cancelled, "the node is stopping", false};
  asks_.stop(error, out);
  flights_.stop(error, out);
}

void Fetch::on_deadline(TimePoint now, Actions& out) {
  while (const auto handle = waiters_.next_expired(now)) {
    const Error error = timed_out(*waiters_.find(*handle));
    const auto waiter = remove(*handle, now, out);
    // Another node watches its own clock: it needs no answer that comes too late.
    if (!waiter->remote) out.emplace_back(Complete{waiter->ticket, tl::unexpected<Error>(error)});
  }
  flights_.on_deadline(now, out);
  asks_.on_deadline(now, out);
}

std::optional<TimePoint> Fetch::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& deadline :
       {waiters_.next_deadline(), flights_.next_deadline(), asks_.next_deadline()}) {
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  return next;
}

std::optional<Waiter> Fetch::remove(Waiters::Handle handle, TimePoint now, Actions& out) {
  auto waiter = waiters_.take(handle);
  switch (waiter->place) {
    case Waiter::Place::ask:
    case Waiter::Place::ask_next:
      asks_.on_waiter_gone(waiter->subject, waiter->place, now, out);
      break;
    case Waiter::Place::flight:
      flights_.on_waiter_gone(waiter->subject, now, out);
      break;
    case Waiter::Place::nowhere:
      break;
  }
  return waiter;
}

Error Fetch::timed_out(const Waiter& waiter) const {
  std::string message = "no answer within the timeout";
  if (waiter.place == Waiter::Place::ask || waiter.place == Waiter::Place::ask_next) {
    if (const auto target = asks_.target_of(waiter.subject)) {
      const placement::Member* member = ownership_.view->find(*target);
      if (member != nullptr) message += "; asked " + member->name;
    }
  } else if (waiter.place == Waiter::Place::flight) {
    message += "; the loader runs or waits for its turn on this node";
  }
  return Error{ErrorCode::timed_out, std::move(message), false};
}

bool Fetch::owns(KeyView key) const {
  return ownership_.view->owner(key.slot()) == surroundings_.self;
}

}  // namespace kith::fetch
