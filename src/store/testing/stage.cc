// SPDX-License-Identifier: Apache-2.0
#include "store/testing/stage.h"

#include <optional>
#include <utility>

#include "base/lent.h"
#include "base/schedule_point.h"
#include "store/testing/content.h"

namespace kith::store {
namespace {

/// Those of the crowd have numbers from here on.
constexpr std::uint64_t kCrowd = 100'000;

}  // namespace

Stage::Kept::Kept(Stage& stage, std::uint64_t key, std::uint64_t version, Value value)
    : stage_(stage),
      watch_(stage.watched_.insert(stage.watched_.end(), {key, version, value.view()})),
      value_(std::move(value)) {}

Stage::Kept::~Kept() {
  stage_.watched_.erase(watch_);
  schedule::point("value: ends");
}

std::unique_ptr<Stage::Kept> Stage::Kept::copy() const {
  Value copy = value_;
  return std::make_unique<Kept>(stage_, watch_->key, watch_->version, std::move(copy));
}

Stage::Stage(const Options& options, std::uint64_t seed)
    : options_(options),
      rng_(mix64(~seed)),
      store_(std::make_unique<Store>(options.store)),
      budget_(options.store.budget_bytes),
      keys_(options.keys) {
  find_arena();
}

Stage::~Stage() {
  for (Shelf& shelf : shelves_) shelf.clear();
}

std::string Stage::name_of(std::uint64_t key) { return "key-" + std::to_string(kCrowd + key); }

void Stage::find_arena() {
  store_->put(KeyView::of("any"), entry_of(0, 1, 40), now_);
  {
    const Pin pin;
    const auto bytes = reinterpret_cast<std::uintptr_t>(store_->find("any", pin).bytes().data());
    // Whoever lends a value's memory is found by any address in it.
    const std::uintptr_t aligned = bytes / alignof(Lent) * alignof(Lent);
    arena_ = static_cast<Arena*>(&Lender::of(*reinterpret_cast<const Lent*>(aligned)));
  }
  store_->clear();
}

// Acts

void Stage::act(std::size_t thread, Act act) {
  Shelf& shelf = shelves_[thread];
  switch (act) {
    case Act::put: {
      const bool mortal = options_.mortal && rng_.chance(0.5);
      return put(any_key(), mortal ? now_ + std::chrono::seconds(100) : TimePoint::max());
    }
    case Act::insert:
      return put(keys_++);
    case Act::crowd:
      return put_crowd();
    case Act::get:
      return get(thread, any_key());
    case Act::peek:
      return peek(any_key());
    case Act::copy: {
      // Of one that nobody else drops meanwhile.
      std::unique_ptr<Kept> kept = any_of(shelf);
      if (kept == nullptr) return;
      std::unique_ptr<Kept> copy = kept->copy();
      shelf.push_back(std::move(copy));
      shelf.push_back(std::move(kept));
      return;
    }
    case Act::pass:
      if (std::unique_ptr<Kept> kept = any_of(shelf)) shelves_.back().push_back(std::move(kept));
      return;
    case Act::take:
      if (std::unique_ptr<Kept> kept = any_of(shelves_.back())) shelf.push_back(std::move(kept));
      return;
    case Act::drop:
      any_of(shelf);
      return;
    case Act::erase:
      return erase(any_key());
    case Act::clear:
      return clear();
    case Act::maintain:
      return store_->maintain(now_);
    case Act::shrink:
      return shrink();
  }
}

void Stage::record(Operation::Kind kind, std::uint64_t key, std::uint64_t value,
                   std::uint64_t begin) {
  history_.push_back({kind, key, value, begin, moment()});
}

void Stage::record_read(std::uint64_t key, std::uint64_t version, std::uint64_t begin) {
  record(Operation::Kind::get, key, version, begin);
  ++(version == 0 ? misses_ : hits_);
}

void Stage::put(std::uint64_t key, TimePoint expires) {
  const std::string name = name_of(key);
  const std::uint64_t version = ++versions_;
  Entry entry = entry_of(key, version, any_size());
  entry.expires = expires;
  entry.stale_until = expires;
  const std::uint64_t begin = moment();
  const bool stored = store_->put(KeyView::of(name), std::move(entry), now_);
  // What is refused takes away what was there, and so does what is over.
  const bool there = stored && now_ < expires;
  record(there ? Operation::Kind::put : Operation::Kind::clear, key, version, begin);
  if (!stored && !options_.may_refuse) complain("a put was refused");
}

void Stage::put_crowd() {
  const std::uint64_t key = kCrowd + crowd_++;
  store_->put(KeyView::of(name_of(key)), entry_of(key, 1, any_size()), now_);
}

void Stage::crowd(std::size_t most) {
  for (std::size_t i = 0; i < most && store_->stats().evictions == 0; ++i) put_crowd();
}

void Stage::drop_crowd() {
  for (std::uint64_t i = 0; i < crowd_; ++i) store_->erase(KeyView::of(name_of(kCrowd + i)));
  store_->maintain(now_);
}

void Stage::fit_budget() {
  budget_ = store_->stats().memory_bytes;
  store_->set_budget(budget_);
}

void Stage::forget(std::uint64_t key) {
  const std::uint64_t begin = moment();
  record(Operation::Kind::clear, key, 0, begin);
}

void Stage::get(std::size_t thread, std::uint64_t key) {
  const std::string name = name_of(key);
  const std::uint64_t begin = moment();
  std::optional<Entry> got = store_->get(KeyView::of(name), now_);
  if (!got) return record_read(key, 0, begin);
  const std::uint64_t version = got->version.sequence;
  shelves_[thread].push_back(std::make_unique<Kept>(*this, key, version, std::move(got->value)));
  record_read(key, version, begin);
}

void Stage::peek(std::uint64_t key) {
  const std::string name = name_of(key);
  const std::uint64_t begin = moment();
  const Pin pin;
  const Store::Found found = store_->find(name, pin);
  if (!found || now_ >= found.expires()) return record_read(key, 0, begin);
  const std::uint64_t version = found.version().sequence;
  record_read(key, version, begin);
  const Watch watch = watched_.insert(watched_.end(), {key, version, found.bytes()});
  schedule::point("peek: looks");
  schedule::point("peek: looks again");
  if (found.version().sequence != version) complain("an entry's version changed");
  watched_.erase(watch);
}

void Stage::erase(std::uint64_t key) {
  const std::string name = name_of(key);
  const std::uint64_t begin = moment();
  const bool erased = store_->erase(KeyView::of(name));
  record(Operation::Kind::erase, key, erased ? 1 : 0, begin);
}

void Stage::clear() {
  const std::uint64_t begin = moment();
  store_->clear();
  const std::uint64_t keys = keys_;
  for (std::uint64_t key = 0; key < keys; ++key) record(Operation::Kind::clear, key, 0, begin);
}

void Stage::shrink() {
  budget_ -= options_.step_bytes;
  store_->set_budget(budget_);
  store_->maintain(now_);
}

std::unique_ptr<Stage::Kept> Stage::any_of(Shelf& shelf) {
  if (shelf.empty()) return nullptr;
  std::swap(shelf.back(), shelf[rng_.below(shelf.size())]);
  std::unique_ptr<Kept> kept = std::move(shelf.back());
  shelf.pop_back();
  return kept;
}

void Stage::drop_all(std::size_t thread) {
  while (any_of(shelves_[thread]) != nullptr) {
  }
}

void Stage::destroy_store() {
  arena_ = nullptr;
  store_.reset();
}

// What is expected

void Stage::complain(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

void Stage::look() {
  for (const Watched& each : watched_) {
    if (is_whole(each.key, each.version, each.bytes)) continue;
    complain("the bytes of version " + std::to_string(each.version) + " of key " +
             std::to_string(each.key) + " changed");
  }
}

const void* Stage::place_of(std::uint64_t key) const {
  const Pin pin;
  const Store::Found found = store_->find(name_of(key), pin);
  return found ? found.bytes().data() : nullptr;
}

void Stage::finish() {
  look();
  if (store_ != nullptr) {
    for (std::uint64_t key = 0; key < keys_; ++key) get(0, key);
    const bool evicted = store_->stats().evictions > 0;
    const auto wrong = keys_gone_wrong(history_, evicted ? Memory::forgets : Memory::keeps);
    for (const std::uint64_t key : wrong) {
      complain("no order of the calls explains what was read of key " + std::to_string(key));
    }
    // Values may outlive the store, or the other way round.
    if (rng_.chance(0.5)) destroy_store();
    look();
  }
  for (Shelf& shelf : shelves_) shelf.clear();
  if (store_ != nullptr) expect_all_given_back();
}

void Stage::expect_all_given_back() {
  constexpr int kCalls = 100;
  for (int i = 0; i < kCalls && store_->give_back(now_); ++i) {
  }
  if (const std::uint64_t used = store_->stats().memory_bytes; used > budget_) {
    complain(std::to_string(used) + " bytes of " + std::to_string(budget_) + " are in use");
  }
  store_->clear();
  store_->maintain(now_);
  const StoreStats stats = store_->stats();
  if (stats.entries != 0 || stats.bytes != 0) complain("a cleared store has entries");
  std::size_t taken = 0;
  arena_->for_each_taken([&](Handle) { ++taken; });
  if (taken != 0) complain(std::to_string(taken) + " slots stay taken");
  if (arena_->free_slot_bytes() != 0) complain("a slot did not come back");
}

}  // namespace kith::store
