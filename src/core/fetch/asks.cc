// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/asks.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/fetch/answers.h"
#include "core/fetch/ttl.h"

namespace kith::fetch {

namespace {

std::uint32_t microseconds_until(TimePoint deadline, TimePoint now) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - now).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, 0xffff'ffff));
}

constexpr Duration kShortestRetry = std::chrono::milliseconds(1);
constexpr Duration kLongestRetry = std::chrono::seconds(1);

}  // namespace

Asks::Asks(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
           const Ownership& ownership, Surroundings& surroundings, Waiters& waiters,
           Flights& flights, Statistics& statistics)
    : cache_(cache),
      next_request_(id_base + 1),
      options_(options),
      storage_(storage),
      ownership_(ownership),
      surroundings_(surroundings),
      waiters_(waiters),
      flights_(flights),
      statistics_(statistics) {}

void Asks::join(KeyView key, Waiter waiter, TimePoint now, Actions& out) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    const Handle handle = found->second;
    Ask& ask = *asks_.find(handle);
    // While nothing is under way, nothing can come back that is older than this caller.
    const bool same = options_.immutable || ask.request == 0;
    surroundings_.marks.hit(same ? Mark::ask_joined : Mark::ask_second_generation);
    waiter.subject = handle;
    waiter.place = same ? Waiter::Place::ask : Waiter::Place::ask_next;
    ask.latest = std::max(ask.latest, waiter.deadline);
    (same ? ask.living : ask.living_next) += 1;
    (same ? ask.now_served : ask.next_served).push_back(waiters_.add(waiter));
    return;
  }
  if (asks_.size() >= options_.max_asks) {
    out.emplace_back(Complete{
        waiter.ticket,
        fail(ErrorCode::resource_exhausted, "too many requests to other nodes are under way")});
    return;
  }
  Ask ask;
  ask.key = Key::copy_of(key);
  ask.latest = waiter.deadline;
  ask.living = 1;
  key_bytes_ += key.bytes.size();
  const Key own_key = ask.key;
  const Handle handle = asks_.insert(std::move(ask));
  by_key_.emplace(own_key, handle);
  waiter.subject = handle;
  waiter.place = Waiter::Place::ask;
  asks_.find(handle)->now_served.push_back(waiters_.add(waiter));
  route(handle, now, out);
}

void Asks::route(Handle handle, TimePoint now, Actions& out) {
  const Ask& ask = *asks_.find(handle);
  const placement::View& view = *ownership_.view;
  const SlotIndex slot = ask.key.view().slot();
  const NodeId owner = view.owner(slot);
  if (owner == surroundings_.self) return load_here(handle, Flights::Role::owner, now, out);
  if (!ask.owner_refused && may_ask(ask, owner)) return send(handle, owner, false, now, out);
  for (std::size_t rank = 1; rank < placement::kRanks; ++rank) {
    const auto stand_in = view.ranked(slot, rank);
    if (!stand_in) break;
    if (*stand_in == surroundings_.self) {
      return load_here(handle, Flights::Role::guest, now, out);
    }
    if (may_ask(ask, *stand_in)) {
      surroundings_.marks.hit(Mark::ask_stand_in);
      statistics_.stand_ins.add();
      return send(handle, *stand_in, true, now, out);
    }
  }
  surroundings_.marks.hit(Mark::ask_local_last_resort);
  load_here(handle, Flights::Role::last_resort, now, out);
}

bool Asks::may_ask(const Ask& ask, NodeId node) const {
  return surroundings_.neighbours.reachable(node) &&
         std::find(ask.refused.begin(), ask.refused.end(), node) == ask.refused.end();
}

void Asks::send(Handle handle, NodeId target, bool guest, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  ask.request = next_request_++;
  ask.target = target;
  ask.sent = now;
  ask.guest = guest;
  by_request_.emplace(ask.request, handle);
  surroundings_.neighbours.request_sent(target, now);
  hedging_.request_sent();
  timers_.push(ask.latest, Timer{Timer::Kind::give_up, handle, ask.request});
  wire::peer::Get get;
  get.request = ask.request;
  get.view = short_id(ownership_.view->id());
  get.budget_us = microseconds_until(ask.latest, now);
  get.hops = static_cast<std::uint8_t>(ask.redirects);
  get.guest = guest;
  get.cache = cache_;
  get.key = ask.key.bytes.view();
  out.emplace_back(Send{target, get, ask.key.bytes, ask.key.view().slot()});
  plan_hedge(handle, ask, now);
}

void Asks::load_here(Handle handle, Flights::Role role, TimePoint now, Actions& out) {
  Ask ask = take(handle);
  // Since these callers came, this node may have loaded the value in the owner's place for others.
  const auto entry = storage_.get(ask.key.view(), now);
  for (auto* waiting : {&ask.now_served, &ask.next_served}) {
    for (const Waiters::Handle waiter : *waiting) {
      auto taken = waiters_.take(waiter);
      if (!taken) continue;
      if (entry) {
        out.emplace_back(Complete{taken->ticket, answer_of(Found{*entry})});
      } else {
        flights_.join(ask.key.view(), *std::move(taken), role, now, out);
      }
    }
  }
}

std::optional<Asks::Match> Asks::match(NodeId from, RequestId request) {
  const auto found = by_request_.find(request);
  if (found != by_request_.end()) {
    Ask* ask = asks_.find(found->second);
    if (ask->request == request && ask->target == from) return Match{found->second, ask, false};
    if (ask->hedge == request && ask->hedge_target == from) return Match{found->second, ask, true};
  }
  surroundings_.marks.hit(Mark::ask_duplicate_reply);
  return std::nullopt;
}

void Asks::on_reply(NodeId from, const wire::peer::ValueReply& reply, TimePoint now, Actions& out) {
  const auto matched = match(from, reply.request);
  if (!matched) return;
  Ask& ask = *matched->ask;
  if (reply.value.size() > options_.max_value_bytes) {
    complete(matched->handle,
             fail(ErrorCode::too_large,
                  "the owner's value has " + std::to_string(reply.value.size()) +
                      " bytes; max_value_bytes is " + std::to_string(options_.max_value_bytes)),
             now, out);
    return;
  }
  retries_.succeeded();
  if (!reply.loaded) hedging_.answered(now - ask.sent);
  if (matched->hedged) {
    surroundings_.marks.hit(Mark::ask_hedge_won);
    out.emplace_back(Send{ask.target, wire::peer::Cancel{ask.request}, {}, ask.key.view().slot()});
    end_hedge(ask, false, out);
  }
  mirror(ask, reply, now);
  Answer answer;
  if (!reply.negative) answer.value = reply.value;
  answer.origin = reply.loaded ? Origin::origin : Origin::peer;
  answer.stale = reply.stale;
  answer.version = reply.version;
  complete(matched->handle, answer, now, out);
}

void Asks::on_reply(NodeId from, const wire::peer::Miss& reply, TimePoint, Actions& out) {
  const auto matched = match(from, reply.request);
  if (!matched || !matched->hedged) return;
  end_hedge(*matched->ask, false, out);
}

void Asks::on_reply(NodeId from, const wire::peer::NotOwner& reply, TimePoint now, Actions& out) {
  const auto matched = match(from, reply.request);
  if (!matched) return;
  if (matched->hedged) return end_hedge(*matched->ask, false, out);
  end_request(*matched->ask);
  end_hedge(*matched->ask, true, out);
  if (reply.reason == wire::peer::NotOwner::Reason::not_mine &&
      follow(matched->handle, reply.hint, now, out)) {
    return;
  }
  refuse(matched->handle, from, now, out);
}

bool Asks::follow(Handle handle, NodeId hint, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  if (hint == surroundings_.self) {
    surroundings_.marks.hit(Mark::ask_redirect_to_self);
    return false;
  }
  if (ask.redirects >= kMaxRedirects) {
    surroundings_.marks.hit(Mark::ask_redirects_exhausted);
    return false;
  }
  // Only nodes of this node's own view are ever asked: a peer's word opens no connection.
  if (ownership_.view->find(hint) == nullptr || hint == ask.target || !may_ask(ask, hint)) {
    return false;
  }
  surroundings_.marks.hit(Mark::ask_redirected);
  statistics_.redirects.add();
  ++ask.redirects;
  send(handle, hint, false, now, out);
  return true;
}

void Asks::refuse(Handle handle, NodeId node, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  // A node that only denied owning the key may still be the one to stand in for the owner.
  if (ask.guest || node == ownership_.view->owner(ask.key.view().slot())) {
    ask.refused.push_back(node);
  }
  ask.owner_refused = true;
  route(handle, now, out);
}

void Asks::on_reply(NodeId from, const wire::peer::Busy& reply, TimePoint now, Actions& out) {
  const auto matched = match(from, reply.request);
  if (!matched) return;
  if (matched->hedged) return end_hedge(*matched->ask, false, out);
  Ask& ask = *matched->ask;
  const Duration wait = std::clamp<Duration>(std::chrono::microseconds(reply.retry_after_us),
                                             kShortestRetry, kLongestRetry);
  if (now + wait >= ask.latest || !retries_.spend()) {
    complete(matched->handle,
             fail(ErrorCode::resource_exhausted, "the key's owner has too many loads waiting"), now,
             out);
    return;
  }
  surroundings_.marks.hit(Mark::ask_busy_retried);
  end_request(ask);
  end_hedge(ask, true, out);
  timers_.push(now + wait, Timer{Timer::Kind::retry, matched->handle, 0});
}

void Asks::on_reply(NodeId from, const wire::peer::Failure& reply, TimePoint now, Actions& out) {
  const auto matched = match(from, reply.request);
  if (!matched) return;
  if (matched->hedged) return end_hedge(*matched->ask, false, out);
  complete(
      matched->handle,
      tl::unexpected<Error>(Error{reply.code, std::string(reply.message), reply.state_changed}),
      now, out);
}

void Asks::on_unreachable(NodeId node, TimePoint now, Actions& out) {
  std::vector<Handle> stranded;
  asks_.for_each([&](Handle handle, Ask& ask) {
    if (ask.hedge != 0 && ask.hedge_target == node) end_hedge(ask, false, out);
    if (ask.request != 0 && ask.target == node) stranded.push_back(handle);
  });
  for (const Handle handle : stranded) {
    Ask& ask = *asks_.find(handle);
    end_request(ask);
    end_hedge(ask, true, out);
    route(handle, now, out);
  }
}

void Asks::on_waiter_gone(std::uint64_t subject, Waiter::Place place, TimePoint now, Actions& out) {
  Ask* ask = asks_.find(subject);
  if (ask == nullptr) return;
  --(place == Waiter::Place::ask ? ask->living : ask->living_next);
  if (ask->living > 0) return;
  std::optional<Send> cancel;
  if (ask->request != 0) {
    surroundings_.marks.hit(Mark::ask_last_waiter_left);
    cancel = Send{ask->target, wire::peer::Cancel{ask->request}, {}, ask->key.view().slot()};
    end_request(*ask);
    end_hedge(*ask, true, out);
  }
  next_generation(subject, now, out);
  // After the request for those who came later, so that the load goes on for them.
  if (cancel) out.push_back(*std::move(cancel));
}

void Asks::end_request(Ask& ask) {
  if (ask.request == 0) return;
  by_request_.erase(ask.request);
  surroundings_.neighbours.request_ended(ask.target);
  ask.request = 0;
  timers_.compact(by_request_.size(), [this](const Timer& timer) { return timer_live(timer); });
}

void Asks::end_hedge(Ask& ask, bool cancel, Actions& out) {
  if (ask.hedge == 0) return;
  if (cancel) {
    out.emplace_back(
        Send{ask.hedge_target, wire::peer::Cancel{ask.hedge}, {}, ask.key.view().slot()});
  }
  by_request_.erase(ask.hedge);
  surroundings_.neighbours.request_ended(ask.hedge_target);
  ask.hedge = 0;
}

void Asks::complete(Handle handle, const Result<Answer>& result, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  end_request(ask);
  end_hedge(ask, true, out);
  for (const Waiters::Handle waiter : std::exchange(ask.now_served, {})) {
    if (const auto taken = waiters_.take(waiter)) out.emplace_back(Complete{taken->ticket, result});
  }
  ask.living = 0;
  next_generation(handle, now, out);
}

void Asks::next_generation(Handle handle, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  if (ask.living_next == 0) {
    take(handle);
    return;
  }
  ask.now_served = std::exchange(ask.next_served, {});
  ask.living = std::exchange(ask.living_next, 0);
  ask.redirects = 0;
  ask.owner_refused = false;
  ask.refused.clear();
  for (const Waiters::Handle waiter : ask.now_served) {
    if (Waiter* found = waiters_.find(waiter)) found->place = Waiter::Place::ask;
  }
  route(handle, now, out);
}

Asks::Ask Asks::take(Handle handle) {
  Ask ask = *asks_.take(handle);
  by_key_.erase(ask.key);
  key_bytes_ -= ask.key.bytes.size();
  asks_.release_if_idle();
  release_if_idle(by_key_);
  release_if_idle(by_request_);
  return ask;
}

void Asks::mirror(const Ask& ask, const wire::peer::ValueReply& reply, TimePoint now) {
  if (!options_.immutable || reply.negative || reply.stale) return;
  Entry entry;
  entry.value = reply.value;
  entry.holding = Holding::mirror;
  entry.version = reply.version;
  if (reply.ttl_ms != wire::peer::kNoTtl) {
    // Counted from when the request left, which was before the owner looked at its clock.
    entry.expires = ask.sent + std::chrono::milliseconds(reply.ttl_ms);
    entry.stale_until = entry.expires;
    if (entry.expires <= now) return;
  }
  storage_.put(ask.key.view(), std::move(entry), now);
}

void Asks::plan_hedge(Handle handle, const Ask& ask, TimePoint now) {
  // Only values that never change may come from whoever has a copy.
  if (!options_.immutable || ask.guest || ask.redirects > 0) return;
  if (const auto delay = hedging_.delay()) {
    timers_.push(now + *delay, Timer{Timer::Kind::hedge, handle, ask.request});
  }
}

void Asks::hedge(Handle handle, TimePoint now, Actions& out) {
  Ask& ask = *asks_.find(handle);
  const SlotIndex slot = ask.key.view().slot();
  for (std::size_t rank = 1; rank < placement::kRanks; ++rank) {
    const auto other = ownership_.view->ranked(slot, rank);
    if (!other) return;
    if (*other == surroundings_.self || *other == ask.target || !may_ask(ask, *other)) continue;
    if (!hedging_.spend()) return;
    surroundings_.marks.hit(Mark::ask_hedged);
    statistics_.hedges.add();
    ask.hedge = next_request_++;
    ask.hedge_target = *other;
    by_request_.emplace(ask.hedge, handle);
    surroundings_.neighbours.request_sent(*other, now);
    wire::peer::Get get;
    get.request = ask.hedge;
    get.view = short_id(ownership_.view->id());
    get.budget_us = microseconds_until(ask.latest, now);
    get.no_load = true;
    get.cache = cache_;
    get.key = ask.key.bytes.view();
    out.emplace_back(Send{*other, get, ask.key.bytes, slot});
    return;
  }
}

void Asks::stop(const Error& error, Actions& out) {
  std::vector<Handle> all;
  asks_.for_each([&](Handle handle, Ask&) { all.push_back(handle); });
  for (const Handle handle : all) {
    Ask& ask = *asks_.find(handle);
    end_request(ask);
    end_hedge(ask, false, out);
    for (const auto* waiting : {&ask.now_served, &ask.next_served}) {
      for (const Waiters::Handle waiter : *waiting) {
        if (const auto taken = waiters_.take(waiter)) {
          out.emplace_back(Complete{taken->ticket, tl::unexpected<Error>(error)});
        }
      }
    }
    take(handle);
  }
}

void Asks::on_deadline(TimePoint now, Actions& out) {
  while (const auto timer = timers_.pop_due(now)) {
    if (!timer_live(*timer)) continue;
    switch (timer->kind) {
      case Timer::Kind::give_up: {
        // Everybody this request was sent for is gone. Who joined later, and may wait longer, is
        // still here: ask again for them.
        Ask& ask = *asks_.find(timer->ask);
        Send cancel{ask.target, wire::peer::Cancel{ask.request}, {}, ask.key.view().slot()};
        end_request(ask);
        end_hedge(ask, true, out);
        route(timer->ask, now, out);
        out.push_back(std::move(cancel));
        break;
      }
      case Timer::Kind::hedge:
        hedge(timer->ask, now, out);
        break;
      case Timer::Kind::retry:
        route(timer->ask, now, out);
        break;
    }
  }
}

bool Asks::timer_live(const Timer& timer) const {
  const Ask* ask = asks_.find(timer.ask);
  return ask != nullptr && ask->request == timer.request;
}

std::optional<NodeId> Asks::target_of(std::uint64_t subject) const {
  const Ask* ask = asks_.find(subject);
  if (ask == nullptr || ask->request == 0) return std::nullopt;
  return ask->target;
}

}  // namespace kith::fetch
