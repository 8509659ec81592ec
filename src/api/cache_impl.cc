// SPDX-License-Identifier: Apache-2.0
#include "api/cache_impl.h"

#include <semaphore.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <random>
#include <stop_token>
#include <utility>

#include "api/validate.h"
#include "base/rng.h"
#include "core/fetch/ttl.h"

namespace kith::api {

namespace {

/// Where a thread sleeps until its request ended. One per thread and never given back before the
/// thread ends, so that waking it touches nothing of a request that is gone already. (A POSIX
/// semaphore, because libstdc++'s atomic waits yield the processor many times before they sleep, to
/// the very loop that is about to answer.)
class Parking {
 public:
  Parking() { sem_init(&ended_, 0, 0); }
  ~Parking() { sem_destroy(&ended_); }
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  static Parking& of_this_thread() {
    thread_local Parking parking;
    return parking;
  }
  /// Before the requests begin.
  void expect(std::uint32_t requests) { remaining_.store(requests, std::memory_order_relaxed); }
  // Release and acquire: what was written before each leave() is read after wait().
  void leave() {
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) sem_post(&ended_);
  }
  /// Until as many as expected have left.
  void wait() {
    while (sem_wait(&ended_) != 0) {  // Interrupted by a signal.
    }
  }

 private:
  std::atomic<std::uint32_t> remaining_{0};
  sem_t ended_;
};

/// A request whose thread waits for it.
class BlockingCall final : public edge::Call {
 public:
  void done(Result<fetch::Answer> answer) override {
    result = std::move(answer);
    parking->leave();
  }

  Parking* parking = nullptr;
  /// Of no use before done().
  Result<fetch::Answer> result;
};

Answer to_answer(fetch::Answer&& answer) {
  Answer result;
  result.value = std::move(answer.value);
  result.source = static_cast<Source>(answer.origin);
  result.stale = answer.stale;
  result.version = answer.version;
  return result;
}
static_assert(static_cast<int>(Source::local) == static_cast<int>(fetch::Origin::local) &&
              static_cast<int>(Source::mirror) == static_cast<int>(fetch::Origin::mirror) &&
              static_cast<int>(Source::peer) == static_cast<int>(fetch::Origin::peer) &&
              static_cast<int>(Source::origin) == static_cast<int>(fetch::Origin::origin));

Result<std::optional<Value>> value_of(Result<Answer> answer) {
  if (!answer) return tl::unexpected<Error>(std::move(answer).error());
  return std::move(answer->value);
}

/// Whether a get is wrong whatever the cache holds: what validate_get finds, but quickly.
bool is_wrong(std::string_view key, const GetOptions& options) {
  return key.empty() || key.size() > kMaxKeyBytes || options.timeout <= Duration::zero();
}

Result<void> validate_get(std::string_view key, const GetOptions& options) {
  if (auto valid = validate_key(key); !valid) return valid;
  if (options.timeout <= Duration::zero()) {
    return fail(ErrorCode::invalid_argument, "timeout is not positive");
  }
  return {};
}

/// The same in all stores of the process, and in no other process.
std::uint64_t index_hash_seed() {
  static const std::uint64_t seed = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
  }();
  return seed;
}

store::StoreOptions store_options(const CacheOptions& options, const Tenure& tenure) {
  store::StoreOptions result;
  result.budget_bytes = options.memory_bytes;
  result.hash_seed = index_hash_seed();
  result.compress = options.compress;
  // What never changes may be served by whoever has it.
  if (options.coherence == Coherence::coherent) result.tenure = &tenure;
  return result;
}

bool fresh(const store::Store::Found& found) {
  const TimePoint expires = found.expires();
  return expires == TimePoint::max() || edge::Driver::now() < expires;
}

Error on_loop_thread_error() {
  return Error{ErrorCode::failed_precondition,
               "a blocking get was called from a callback of the node; use get_async there", false};
}

}  // namespace

/// A request with a callback. Owns itself until it ended.
class CacheImpl::AsyncCall final : public edge::Call {
 public:
  AsyncCall(std::shared_ptr<CacheImpl> owner, Cache::Callback callback)
      : cache_impl_(std::move(owner)), callback_(std::move(callback)) {}

  void done(Result<fetch::Answer> result) override {
    // The callback may drop the last handle of everything: keep this object until it returned.
    const std::shared_ptr<AsyncCall> self = std::exchange(self_, nullptr);
    call_back(callback_, cache_impl_->ended(std::move(result)));
  }

  static void call_back(const Cache::Callback& callback, Result<Answer> result) {
    try {
      callback(std::move(result));
    } catch (...) {
      // A callback has nobody to throw to. Its exception ends here, as documented.
    }
  }

  /// Keeps the call alive until it ended, whoever lets go of it before.
  void keep(std::shared_ptr<AsyncCall> self) { self_ = std::move(self); }

  /// Withdraws the call when `stop` is set. After the call was handed to the driver, which finds
  /// only those that it has.
  void watch(const std::stop_token& stop, std::weak_ptr<AsyncCall> self) {
    // The callback object lives in this call, which its withdrawal keeps alive in turn.
    if (stop.stop_possible()) watch_.emplace(stop, Withdraw{std::move(self)});
  }

 private:
  struct Withdraw {
    std::weak_ptr<AsyncCall> call;
    void operator()() const {
      if (auto alive = call.lock()) {
        // The call may end, and with it the last handle of the cache, while the driver hears of it.
        const std::shared_ptr<Engine> engine = alive->cache_impl_->engine_;
        engine->driver->withdraw(std::move(alive));
      }
    }
  };

  std::shared_ptr<CacheImpl> cache_impl_;
  Cache::Callback callback_;
  std::shared_ptr<AsyncCall> self_;
  std::optional<std::stop_callback<Withdraw>> watch_;
};

CacheImpl::CacheImpl(std::string name, const CacheOptions& options, std::shared_ptr<Engine> engine)
    : name_(std::move(name)),
      id_(cache_id(name_)),
      options_(options),
      engine_(std::move(engine)),
      store_(store_options(options, tenure_)) {}

// The way of most hits is short and straight, so that the processor can go on to the caller's next
// get while this one waits for memory. What few need is elsewhere.

[[gnu::always_inline]] inline store::Store::Found CacheImpl::find(std::string_view key,
                                                                  const GetOptions& options,
                                                                  const Pin& pin) const {
  // Relaxed: whoever was told that the cache is closed sees it, and the others race with that.
  if (is_wrong(key, options) || closed_.load(std::memory_order_relaxed)) [[unlikely]] {
    return {};
  }
  return store_.find(key, pin);
}

[[gnu::always_inline]] inline void CacheImpl::use_plain(const store::Store::Found& found,
                                                        const Pin& pin) {
  store_.touch(found);
  gets_local_.add(pin.record());
}

Result<std::optional<Value>> CacheImpl::get(std::string_view key, const GetOptions& options) {
  {
    const Pin pin;
    const auto found = find(key, options, pin);
    if (found.plain()) [[likely]] {
      use_plain(found, pin);
      return Result<std::optional<Value>>(tl::in_place, found.plain_value(pin));
    }
    if (is_answer(key, found)) return value_of(use(found, pin));
  }
  return missed(key, options);
}

Result<bool> CacheImpl::visit_bytes(std::string_view key, const detail::Visitor& visitor,
                                    const GetOptions& options) {
  {
    const Pin pin;
    const auto found = find(key, options, pin);
    if (found.plain()) [[likely]] {
      use_plain(found, pin);
      visitor.call(visitor.context, std::as_bytes(std::span(found.plain_bytes())));
      return true;
    }
    if (is_answer(key, found)) return visit(visitor, value_of(use(found, pin)));
  }
  return visit(visitor, missed(key, options));
}

Result<bool> CacheImpl::visit(const detail::Visitor& visitor,
                              const Result<std::optional<Value>>& value) {
  if (!value) return tl::unexpected<Error>(value.error());
  if (!*value) return false;
  visitor.call(visitor.context, (*value)->bytes());
  return true;
}

Result<std::optional<Value>> CacheImpl::missed(std::string_view key, const GetOptions& options) {
  return value_of(miss(key, options));
}

Result<Answer> CacheImpl::fetch(std::string_view key, const GetOptions& options) {
  {
    const Pin pin;
    const auto found = find(key, options, pin);
    if (is_answer(key, found)) return use(found, pin);
  }
  return miss(key, options);
}

Result<void> CacheImpl::check_get(std::string_view key, const GetOptions& options) const {
  if (auto valid = validate_get(key, options); !valid) return valid;
  if (!closed_.load(std::memory_order_relaxed)) return {};
  return fail(ErrorCode::cancelled, "the cache is closed, or its node has stopped");
}

Result<Answer> CacheImpl::miss(std::string_view key, const GetOptions& options) {
  if (auto valid = check_get(key, options); !valid) return refused(std::move(valid).error());
  const KeyView hashed = KeyView::of(key);
  const TimePoint now = edge::Driver::now();
  if (engine_->driver->on_loop_thread()) return refused(on_loop_thread_error());
  Parking& parking = Parking::of_this_thread();
  parking.expect(1);
  if (options.stop.stop_possible()) {
    // Only a request with an owner of its own may be withdrawn: see AsyncCall.
    Result<Answer> result = fail(ErrorCode::internal, "the request has no result");
    get_async(
        key,
        [&](Result<Answer> ended) {
          result = std::move(ended);
          parking.leave();
        },
        options);
    parking.wait();
    return result;
  }
  BlockingCall call;
  prepare(call, hashed, now, options);
  call.parking = &parking;
  engine_->driver->get(call);
  parking.wait();
  return ended(std::move(call.result));
}

void CacheImpl::get_async(std::string_view key, Cache::Callback callback,
                          const GetOptions& options) {
  if (auto valid = check_get(key, options); !valid) {
    AsyncCall::call_back(callback, refused(std::move(valid).error()));
    return;
  }
  std::optional<Answer> answer;
  {
    const Pin pin;
    const auto found = find(key, options, pin);
    if (is_answer(key, found)) answer = use(found, pin);
  }
  if (answer) {
    AsyncCall::call_back(callback, *std::move(answer));
    return;
  }
  const KeyView hashed = KeyView::of(key);
  const TimePoint now = edge::Driver::now();
  const auto call = make_call(std::move(callback), hashed, now, options);
  engine_->driver->get(*call);
  call->watch(options.stop, call);
}

std::shared_ptr<CacheImpl::AsyncCall> CacheImpl::make_call(Cache::Callback callback, KeyView key,
                                                           TimePoint now,
                                                           const GetOptions& options) {
  auto call = std::make_shared<AsyncCall>(shared_from_this(), std::move(callback));
  prepare(*call, key, now, options);
  call->withdrawable = options.stop.stop_possible();
  call->keep(call);
  return call;
}

std::vector<Result<std::optional<Value>>> CacheImpl::get_many(std::span<const std::string> keys,
                                                              const GetOptions& options) {
  using One = Result<std::optional<Value>>;
  std::vector<One> results(keys.size(), One(std::nullopt));
  std::vector<std::size_t> missing = hits(keys, options, results);
  if (missing.empty()) return results;
  if (engine_->driver->on_loop_thread()) {
    for (const std::size_t i : missing) results[i] = refused(on_loop_thread_error());
    return results;
  }

  const TimePoint now = edge::Driver::now();
  Parking& parking = Parking::of_this_thread();
  std::vector<edge::Call*> calls;
  std::vector<BlockingCall> blocking(options.stop.stop_possible() ? 0 : missing.size());
  // Only a request with an owner of its own may be withdrawn: see AsyncCall.
  std::vector<std::shared_ptr<AsyncCall>> withdrawable;
  for (std::size_t n = 0; n < missing.size(); ++n) {
    const KeyView key = KeyView::of(keys[missing[n]]);
    if (options.stop.stop_possible()) {
      const auto take = [&parking, &result = results[missing[n]]](Result<Answer> answer) {
        result = value_of(std::move(answer));
        parking.leave();
      };
      withdrawable.push_back(make_call(take, key, now, options));
      calls.push_back(withdrawable.back().get());
    } else {
      prepare(blocking[n], key, now, options);
      blocking[n].parking = &parking;
      calls.push_back(&blocking[n]);
    }
  }
  parking.expect(static_cast<std::uint32_t>(calls.size()));
  engine_->driver->get_many(calls);
  for (const auto& call : withdrawable) call->watch(options.stop, call);
  parking.wait();
  for (std::size_t n = 0; n < blocking.size(); ++n) {
    results[missing[n]] = value_of(ended(std::move(blocking[n].result)));
  }
  return results;
}

std::optional<Value> CacheImpl::peek(std::string_view key) {
  if (key.empty()) return std::nullopt;
  const Pin pin;
  const store::Store::Found found = store_.find(key, pin);
  if (!found || !fresh(found) || found.negative()) return std::nullopt;
  store_.touch(found);
  return found.value(pin);
}

bool CacheImpl::contains_local(std::string_view key) const {
  if (key.empty()) return false;
  const Pin pin;
  const store::Store::Found found = store_.find(key, pin);
  return found && fresh(found) && !found.negative();
}

std::string CacheImpl::owner_of(std::string_view key) const {
  const auto view = engine_->driver->view(id_);
  if (view == nullptr) return {};
  return view->find(view->owner(KeyView::of(key).slot()))->name;
}

bool CacheImpl::is_answer(std::string_view key, const store::Store::Found& found) {
  if (!found) return false;
  // Most entries need no clock.
  if (found.immortal()) return true;
  const TimePoint now = edge::Driver::now();
  if (now >= found.expires()) return false;
  if (found.holding() == Holding::owned && !found.negative()) {
    thread_local Rng rng(placement_hash(name_) ^ reinterpret_cast<std::uintptr_t>(&rng));
    if (kith::fetch::refresh_due(found.expires(), found.load_cost(), now, options_.early_refresh,
                                 rng)) {
      engine_->driver->refresh(id_, Key::copy_of(KeyView::of(key)));
    }
  }
  return true;
}

Answer CacheImpl::use(const store::Store::Found& found, const Pin& pin) {
  store_.touch(found);
  const bool owned = found.holding() == Holding::owned;
  StripedCounter& counter = found.negative() ? gets_absent_ : owned ? gets_local_ : gets_mirror_;
  counter.add(pin.record());
  Answer answer;
  answer.source = owned ? Source::local : Source::mirror;
  answer.version = found.version();
  if (!found.negative()) answer.value = found.value(pin);
  return answer;
}

std::vector<std::size_t> CacheImpl::hits(std::span<const std::string> keys,
                                         const GetOptions& options,
                                         std::span<Result<std::optional<Value>>> results) {
  constexpr std::size_t kAtOnce = 32;
  std::array<std::string_view, kAtOnce> views;
  std::array<store::Store::Found, kAtOnce> found;
  std::vector<std::size_t> missing;
  const bool closed = closed_.load(std::memory_order_relaxed);
  for (std::size_t first = 0; first < keys.size(); first += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, keys.size() - first);
    std::copy_n(keys.begin() + static_cast<std::ptrdiff_t>(first), count, views.begin());
    const Pin pin;
    if (!closed)
      store_.find_many(std::span(views).first(count), pin, std::span(found).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view key = views[i];
      Result<std::optional<Value>>& result = results[first + i];
      if (closed || is_wrong(key, options)) [[unlikely]] {
        result = refused(check_get(key, options).error());
      } else if (found[i].plain()) {
        use_plain(found[i], pin);
        result->emplace(found[i].plain_value(pin));
      } else if (is_answer(key, found[i])) {
        result = value_of(use(found[i], pin));
      } else {
        missing.push_back(first + i);
      }
    }
  }
  return missing;
}

tl::unexpected<Error> CacheImpl::refused(Error error) {
  gets_failed_.add();
  return tl::unexpected<Error>(std::move(error));
}

Result<Answer> CacheImpl::ended(Result<fetch::Answer> result) {
  Result<Answer> answer = result ? Result<Answer>(to_answer(*std::move(result)))
                                 : Result<Answer>(tl::unexpected<Error>(std::move(result).error()));
  count(answer);
  return answer;
}

void CacheImpl::count(const Result<Answer>& result) {
  if (!result) return gets_failed_.add();
  if (!result->value) return gets_absent_.add();
  if (result->stale) return gets_stale_.add();
  switch (result->source) {
    case Source::local:
      return gets_local_.add();
    case Source::mirror:
      return gets_mirror_.add();
    case Source::peer:
      return gets_peer_.add();
    case Source::origin:
      return gets_origin_.add();
  }
}

void CacheImpl::prepare(edge::Call& call, KeyView key, TimePoint now,
                        const GetOptions& options) const {
  call.cache = id_;
  call.key = Key::copy_of(key);
  call.deadline = kith::fetch::after(now, options.timeout);
}

void CacheImpl::set_budget(std::uint64_t bytes) {
  const std::uint64_t before = store_.budget_bytes();
  if (bytes == before) return;
  store_.set_budget(bytes);
  // Readers and values in use may keep some of it.
  constexpr int kRounds = 1000;
  for (int i = 0; i < kRounds && bytes < before && store_.give_back(edge::Driver::now()); ++i) {
  }
}

void CacheImpl::tidy() { store_.maintain(edge::Driver::now()); }

CacheStats CacheImpl::stats() const {
  CacheStats stats;
  stats.gets_local = gets_local_.get();
  stats.gets_mirror = gets_mirror_.get();
  stats.gets_peer = gets_peer_.get();
  stats.gets_origin = gets_origin_.get();
  stats.gets_stale = gets_stale_.get();
  stats.gets_failed = gets_failed_.get();
  stats.gets_absent = gets_absent_.get();
  for (const auto& counters : counters_) {
    stats.loads += counters->loads.get();
    stats.loads_failed += counters->loads_failed.get();
    stats.loads_cancelled += counters->loads_cancelled.get();
    stats.loads_refresh += counters->loads_refresh.get();
    stats.loads_guest += counters->loads_guest.get();
    stats.loads_late_answers += counters->loads_late_answers.get();
    stats.loads_shared += counters->loads_shared.get();
    stats.served += counters->served.get();
    stats.redirects += counters->redirects.get();
    stats.stand_ins += counters->stand_ins.get();
    stats.hedges += counters->hedges.get();
    stats.refused_busy += counters->refused_busy.get();
  }
  const store::StoreStats held = store_.stats();
  stats.entries = held.entries;
  stats.bytes = held.bytes;
  stats.memory_bytes = held.memory_bytes;
  stats.budget_bytes = store_.budget_bytes();
  stats.returns = held.returns;
  stats.evictions = held.evictions;
  stats.expirations = held.expirations;
  stats.rejected = held.rejected;
  return stats;
}

}  // namespace kith::api
