// SPDX-License-Identifier: Apache-2.0
#include "core/fetch/flights.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/fetch/ttl.h"

namespace kith::fetch {

namespace {

Priority priority_of(const Waiter& waiter, Flights::Role role) {
  if (role == Flights::Role::last_resort) return Priority::last_resort;
  return waiter.remote ? Priority::remote : Priority::local;
}

constexpr double kNegativeTtlJitter = 0.2;

}  // namespace

Flights::Flights(CacheId cache, std::uint64_t id_base, const Options& options, Storage& storage,
                 const Ownership& ownership, Surroundings& surroundings, Waiters& waiters,
                 Statistics& statistics)
    : cache_(cache),
      next_load_(id_base),
      options_(options),
      storage_(storage),
      ownership_(ownership),
      surroundings_(surroundings),
      waiters_(waiters),
      statistics_(statistics),
      limiter_(options.max_concurrent_loads) {}

void Flights::join(KeyView key, Waiter waiter, Role role, TimePoint now, Actions& out) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    surroundings_.marks.hit(Mark::flight_joined);
    if (waiter.remote) surroundings_.marks.hit(Mark::flight_remote_joined);
    statistics_.loads_shared.add();
    Flight& flight = *flights_.find(found->second);
    const Priority priority = priority_of(waiter, role);
    if (!flight.loading && priority < flight.priority) {
      flight.priority = priority;
      queue_.push(found->second, priority, now);
    }
    add_waiter(found->second, flight, std::move(waiter));
    pump(now, out);
    return;
  }
  if (!options_.has_loader) {
    const Entry nothing{.value = {}, .negative = true};
    answer(waiter, Found{nothing}, now, out);
    return;
  }
  if (const Error* error = hold_off_.find(key, now)) {
    surroundings_.marks.hit(Mark::load_hold_off);
    if (const auto old = stale_for(key, now)) {
      answer(waiter, stale_answer(*old, now), now, out);
    } else {
      answer(waiter, *error, out);
    }
    return;
  }
  if (queued_ >= static_cast<std::size_t>(options_.max_queued_loads)) {
    refuse_busy(waiter, out);
    return;
  }
  if (role != Role::owner) {
    surroundings_.marks.hit(Mark::flight_guest);
    statistics_.loads_guest.add();
  }
  const Handle handle = begin(key, role, priority_of(waiter, role), now);
  add_waiter(handle, *flights_.find(handle), std::move(waiter));
  pump(now, out);
}

void Flights::refresh(KeyView key, TimePoint now, Actions& out) {
  if (!options_.has_loader || alive(key) || hold_off_.find(key, now) != nullptr) return;
  if (queued_ >= static_cast<std::size_t>(options_.max_queued_loads)) return;
  surroundings_.marks.hit(Mark::load_early_refresh);
  statistics_.loads_refresh.add();
  begin(key, Role::owner, Priority::refresh, now);
  pump(now, out);
}

Flights::Handle Flights::begin(KeyView key, Role role, Priority priority, TimePoint now) {
  Flight flight;
  flight.key = Key::copy_of(key);
  flight.role = role;
  flight.priority = priority;
  key_bytes_ += bytes_of_keys(flight);
  const Key key_handle = flight.key;
  const Handle handle = flights_.insert(std::move(flight));
  by_key_.emplace(key_handle, handle);
  queue_.push(handle, priority, now);
  ++queued_;
  return handle;
}

void Flights::add_waiter(Handle handle, Flight& flight, Waiter waiter) {
  waiter.place = Waiter::Place::flight;
  waiter.subject = handle;
  flight.waiters.push_back(waiters_.add(waiter));
  ++flight.living;
}

void Flights::pump(TimePoint now, Actions& out) {
  const auto waiting = [this](Handle handle, Priority priority) {
    const Flight* flight = flights_.find(handle);
    return flight != nullptr && !flight->loading && flight->priority == priority;
  };
  while (queued_ > 0 && limiter_.may_start()) {
    const bool last_resort = last_resorts_running_ < last_resort_limit();
    const auto handle = queue_.pop(now, last_resort, waiting);
    if (!handle) return;
    if (queue_.newest_first()) surroundings_.marks.hit(Mark::load_queue_lifo);
    start(*handle, *flights_.find(*handle), now, out);
  }
}

void Flights::start(Handle handle, Flight& flight, TimePoint now, Actions& out) {
  flight.loading = true;
  flight.started = now;
  flight.load = LoadId{next_load_++};
  --queued_;
  limiter_.started();
  if (flight.priority == Priority::last_resort) ++last_resorts_running_;
  statistics_.loads.add();
  by_load_.emplace(flight.load, handle);
  const TimePoint deadline = after(now, options_.load_timeout);
  deadlines_.push(deadline, flight.load);
  out.emplace_back(StartLoad{cache_, flight.load, flight.key, deadline});
}

Flights::Flight Flights::retire(Handle handle) {
  Flight flight = *flights_.take(handle);
  key_bytes_ -= bytes_of_keys(flight);
  by_key_.erase(flight.key);
  flights_.release_if_idle();
  release_if_idle(by_key_);
  if (flight.loading) {
    by_load_.erase(flight.load);
    if (flight.priority == Priority::last_resort) --last_resorts_running_;
    deadlines_.compact(by_load_.size(), [this](LoadId load) { return by_load_.contains(load); });
    release_if_idle(by_load_);
  } else {
    --queued_;
  }
  return flight;
}

void Flights::on_loaded(LoadId load, LoadOutcome outcome, TimePoint now, Actions& out) {
  const auto found = by_load_.find(load);
  if (found == by_load_.end()) {
    surroundings_.marks.hit(Mark::flight_late_answer);
    statistics_.loads_late_answers.add();
    return;
  }
  Flight flight = retire(found->second);
  limiter_.finished(now - flight.started);
  if (auto* loaded = std::get_if<LoadedValue>(&outcome)) {
    succeed(std::move(flight), std::move(*loaded), now, out);
  } else if (const auto* error = std::get_if<Error>(&outcome)) {
    fail(std::move(flight), *error, now, out);
  } else {
    find_nothing(std::move(flight), now, out);
  }
  pump(now, out);
}

void Flights::on_waiter_gone(std::uint64_t subject, TimePoint now, Actions& out) {
  Flight* flight = flights_.find(subject);
  if (flight == nullptr) return;
  if (--flight->living > 0) {
    if (waiters_.find(flight->waiters.front()) == nullptr) {
      surroundings_.marks.hit(Mark::flight_first_waiter_left);
    }
    return;
  }
  // A refresh goes on for its own sake: it began with nobody waiting.
  if (flight->priority == Priority::refresh) return;
  const Flight gone = retire(subject);
  if (gone.loading) {
    surroundings_.marks.hit(Mark::flight_last_waiter_left);
    statistics_.loads_cancelled.add();
    limiter_.abandoned();
    out.emplace_back(CancelLoad{cache_, gone.load});
  }
  pump(now, out);
}

void Flights::on_deadline(TimePoint now, Actions& out) {
  while (const auto load = deadlines_.pop_due(now)) {
    const auto found = by_load_.find(*load);
    if (found == by_load_.end()) continue;
    surroundings_.marks.hit(Mark::flight_timed_out);
    Flight flight = retire(found->second);
    limiter_.finished(now - flight.started);
    out.emplace_back(CancelLoad{cache_, flight.load});
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(options_.load_timeout);
    fail(std::move(flight),
         Error{ErrorCode::loader_failed,
               "the loader did not answer within " + std::to_string(ms.count()) + " ms"},
         now, out);
    pump(now, out);
  }
}

void Flights::stop(const Error& error, Actions& out) {
  std::vector<Handle> all;
  flights_.for_each([&](Handle handle, Flight&) { all.push_back(handle); });
  for (const Handle handle : all) {
    const Flight flight = retire(handle);
    if (flight.loading) {
      limiter_.abandoned();
      out.emplace_back(CancelLoad{cache_, flight.load});
    }
    answer_all(flight, [&](const Waiter& waiter) {
      if (waiter.remote) {
        out.push_back(
            Send{waiter.caller,
                 wire::peer::NotOwner{waiter.request, wire::peer::NotOwner::Reason::draining,
                                      ownership_.view->id(), surroundings_.self}});
      } else {
        answer(waiter, error, out);
      }
    });
  }
}

Entry Flights::entry_for(const Flight& flight, TimePoint now) {
  Entry entry;
  entry.holding = holding_for(flight);
  const std::uint64_t tenure = ownership_.tenure.of(flight.key.view().slot());
  entry.version = Version{tenure != 0 ? tenure : surroundings_.boot.value, ++sequence_};
  entry.load_cost = now - flight.started;
  return entry;
}

Holding Flights::holding_for(const Flight& flight) {
  if (ownership_.view->owner(flight.key.view().slot()) == surroundings_.self) {
    return Holding::owned;
  }
  if (flight.role == Role::owner) surroundings_.marks.hit(Mark::flight_owner_moved);
  // A value that never changes may be kept by anybody for as long as there is room.
  return options_.immutable ? Holding::mirror : Holding::guest;
}

void Flights::succeed(Flight flight, LoadedValue loaded, TimePoint now, Actions& out) {
  if (loaded.value.size() > options_.max_value_bytes) {
    fail(std::move(flight),
         Error{ErrorCode::too_large,
               "the loader's value has " + std::to_string(loaded.value.size()) +
                   " bytes; max_value_bytes is " + std::to_string(options_.max_value_bytes)},
         now, out);
    return;
  }
  hold_off_.forget(flight.key.view());
  Entry entry = entry_for(flight, now);
  entry.value = std::move(loaded.value);
  entry.tags = std::move(loaded.tags);
  // A loader may give any; what is not positive is not kept.
  Duration ttl = std::max(loaded.ttl.value_or(options_.default_ttl), Duration::zero());
  const bool lasts = !loaded.ttl && ttl == Duration::zero();
  if (lasts) ttl = Duration::max();
  if (entry.holding == Holding::guest) ttl = std::min(ttl, options_.guest_ttl);
  if (ttl != Duration::max()) {
    entry.expires = after(now, jittered(ttl, options_.ttl_jitter, surroundings_.rng));
    entry.stale_until = entry.expires == TimePoint::max()
                            ? TimePoint::max()
                            : after(entry.expires, options_.stale_if_error);
  }
  if (ttl > Duration::zero()) storage_.put(flight.key.view(), entry, now);
  answer_all(flight, [&](const Waiter& waiter) {
    answer(waiter, Found{entry, true, false, entry.holding != Holding::owned}, now, out);
  });
}

void Flights::find_nothing(Flight flight, TimePoint now, Actions& out) {
  hold_off_.forget(flight.key.view());
  Entry entry = entry_for(flight, now);
  entry.negative = true;
  Duration ttl = options_.negative_ttl;
  if (entry.holding == Holding::guest) ttl = std::min(ttl, options_.guest_ttl);
  entry.expires = after(now, jittered(ttl, kNegativeTtlJitter, surroundings_.rng));
  entry.stale_until = entry.expires;
  if (ttl > Duration::zero()) storage_.put(flight.key.view(), entry, now);
  answer_all(flight, [&](const Waiter& waiter) {
    answer(waiter, Found{entry, true, false, entry.holding != Holding::owned}, now, out);
  });
}

void Flights::fail(Flight flight, const Error& error, TimePoint now, Actions& out) {
  statistics_.loads_failed.add();
  const auto span = options_.hold_off_max - options_.hold_off_min;
  const auto hold = options_.hold_off_min +
                    Duration(static_cast<Duration::rep>(
                        surroundings_.rng.below(static_cast<std::uint64_t>(span.count()) + 1)));
  hold_off_.remember(flight.key, error, after(now, hold));
  if (const auto old = stale_for(flight.key.view(), now)) {
    answer_all(flight, [&](const Waiter& waiter) {
      surroundings_.marks.hit(Mark::load_failed_stale_served);
      answer(waiter, stale_answer(*old, now), now, out);
    });
    return;
  }
  answer_all(flight, [&](const Waiter& waiter) { answer(waiter, error, out); });
}

std::optional<Entry> Flights::stale_for(KeyView key, TimePoint now) {
  auto old = storage_.get_stale(key, now);
  if (old && old->negative) return std::nullopt;
  return old;
}

Found Flights::stale_answer(const Entry& old, TimePoint now) {
  return Found{old, false, old.expires <= now, old.holding != Holding::owned};
}

template <class Ending>
void Flights::answer_all(const Flight& flight, Ending&& ending) {
  for (const Waiters::Handle handle : flight.waiters) {
    if (const auto waiter = waiters_.take(handle)) ending(*waiter);
  }
}

void Flights::answer(const Waiter& waiter, const Found& found, TimePoint now, Actions& out) {
  if (waiter.remote) {
    out.emplace_back(value_reply(waiter.caller, waiter.request, ownership_.view->id(), load_hint(),
                                 found, found.entry.value, now));
  } else {
    out.emplace_back(Complete{waiter.ticket, answer_of(found)});
  }
}

void Flights::answer(const Waiter& waiter, const Error& error, Actions& out) {
  if (waiter.remote) {
    out.emplace_back(failure_reply(waiter.caller, waiter.request, error));
  } else {
    out.emplace_back(Complete{waiter.ticket, tl::unexpected<Error>(error)});
  }
}

void Flights::refuse_busy(const Waiter& waiter, Actions& out) {
  surroundings_.marks.hit(Mark::load_queue_full);
  statistics_.refused_busy.add();
  if (waiter.remote) {
    constexpr std::uint32_t kRetryAfterUs = 20'000;
    out.emplace_back(Send{waiter.caller, wire::peer::Busy{waiter.request, kRetryAfterUs}});
    return;
  }
  answer(waiter,
         Error{ErrorCode::resource_exhausted, "max_queued_loads (" +
                                                  std::to_string(options_.max_queued_loads) +
                                                  ") loads wait for the loader already"},
         out);
}

std::size_t Flights::last_resort_limit() const {
  const std::size_t members = std::max<std::size_t>(1, ownership_.view->members().size());
  return std::max<std::size_t>(1, static_cast<std::size_t>(limiter_.limit()) / members);
}

std::uint8_t Flights::load_hint() const {
  const auto busy = static_cast<std::uint64_t>(limiter_.running()) + queued_;
  if (busy == 0) return 0;
  return static_cast<std::uint8_t>(
      std::min<std::uint64_t>(255, busy * 255 / static_cast<std::uint64_t>(limiter_.limit())));
}

}  // namespace kith::fetch
