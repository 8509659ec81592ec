// SPDX-License-Identifier: Apache-2.0
#include "sim/origin.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "base/key.h"

namespace kith::sim {
namespace {

/// Values are repetitions of this block, cut to size.
struct Block {
  std::uint64_t key = 0;
  std::uint64_t count = 0;
};
static_assert(sizeof(Block) == 16);

}  // namespace

Origin::Origin(std::span<const KeyPlan> keys, std::uint64_t seed, World& world, Trace& trace,
               Listener& listener)
    : keys_(keys),
      rng_(seed),
      world_(world),
      trace_(trace),
      listener_(listener),
      counts_(keys.size()) {}

void Origin::become_honest() {
  manners_.clear();
  plan_ = {};
  plan_.mean_extra = Duration::zero();
}

void Origin::start(NodeIndex node, const fetch::StartLoad& start, std::size_t key, Reply reply) {
  const std::uint64_t serial = loads_.size() + 1;
  Load& load = loads_.emplace_back();
  load.serial = serial;
  load.node = node;
  load.id = start.load;
  load.key = key;
  load.started = world_.now();
  load.deadline = start.deadline;
  open_[{node, start.load.value}] = serial;
  const std::uint64_t count = ++counts_[key];
  const Manner manner = manner_of(key);
  trace_.record(world_.now(), node, Happening::load, serial, key,
                trace_.readable() ? "manner " + std::to_string(static_cast<int>(manner)) : "");
  listener_.on_load_started(load);

  const double extra = -std::log(1.0 - rng_.unit()) * static_cast<double>(plan_.mean_extra.count());
  const Duration latency = plan_.min_latency + Duration(static_cast<Duration::rep>(extra));
  fetch::LoadedValue value{value_of(keys_[key], count), plan_.ttl, {}};
  switch (manner) {
    case Manner::answers:
      answer(serial, latency, std::move(value), reply);
      break;
    case Manner::not_found:
      answer(serial, latency, fetch::LoadedNothing{}, reply);
      break;
    case Manner::error:
      answer(serial, latency, Error{ErrorCode::loader_failed, "the origin is ill", false}, reply);
      break;
    case Manner::throws:
      answer(serial, Duration::zero(), Error{ErrorCode::loader_failed, "the loader threw", false},
             reply);
      break;
    case Manner::hangs:
      break;
    case Manner::answers_twice:
      answer(serial, latency, value, reply);
      answer(serial, 2 * latency, std::move(value), reply);
      break;
    case Manner::answers_late:
      answer(serial, start.deadline - world_.now() + latency, std::move(value), reply);
      break;
  }
}

void Origin::answer(std::uint64_t serial, Duration wait, fetch::LoadOutcome outcome,
                    const Reply& reply) {
  world_.after(wait, [this, serial, outcome = std::move(outcome), reply] {
    Load& load = loads_[serial - 1];
    if (load.lost || (load.cancelled && rng_.chance(plan_.heeds_cancel))) return;
    trace_.record(world_.now(), load.node, Happening::load_answered, serial, load.key);
    if (!load.answered && !load.cancelled) {
      load.answered = world_.now();
      open_.erase({load.node, load.id.value});
      listener_.on_load_answered(load);
    }
    reply(outcome);
  });
}

void Origin::cancel(NodeIndex node, fetch::LoadId id) {
  const auto found = open_.find({node, id.value});
  trace_.record(world_.now(), node, Happening::load_cancelled,
                found == open_.end() ? 0 : found->second, id.value);
  if (found == open_.end()) return;
  Load& load = loads_[found->second - 1];
  open_.erase(found);
  load.cancelled = world_.now();
  listener_.on_load_cancelled(load);
}

void Origin::forget(NodeIndex node) {
  for (auto it = open_.begin(); it != open_.end();) {
    if (it->first.first != node) {
      ++it;
      continue;
    }
    loads_[it->second - 1].lost = true;
    it = open_.erase(it);
  }
  for (Load& load : loads_) {
    if (load.node == node) load.lost = true;
  }
}

std::size_t Origin::loads_of(std::size_t key) const { return counts_[key]; }

std::size_t Origin::running(TimePoint now) const {
  std::size_t running = 0;
  for (const auto& [id, serial] : open_) running += loads_[serial - 1].deadline > now ? 1 : 0;
  return running;
}

Manner Origin::manner_of(std::size_t key) {
  const auto fixed = manners_.find(key);
  if (fixed != manners_.end()) return fixed->second;
  double total = 0;
  for (const double chance : plan_.manners) total += chance;
  double draw = rng_.unit() * total;
  for (std::size_t i = 0; i < kManners; ++i) {
    draw -= plan_.manners[i];
    if (draw < 0) return static_cast<Manner>(i);
  }
  return Manner::answers;
}

Value Origin::value_of(const KeyPlan& key, std::uint64_t count) {
  std::byte* bytes = nullptr;
  Value value = Value::uninitialized(key.value_bytes, &bytes);
  const Block block{placement_hash(key.bytes), count};
  for (std::size_t at = 0; at < key.value_bytes; at += sizeof block) {
    std::memcpy(bytes + at, &block, std::min(sizeof block, key.value_bytes - at));
  }
  return value;
}

bool Origin::belongs(const KeyPlan& key, std::string_view value) {
  if (value.size() != key.value_bytes) return false;
  if (value.empty()) return true;
  Block block;
  std::memcpy(&block, value.data(), sizeof block);
  if (block.key != placement_hash(key.bytes)) return false;
  const std::string_view first = value.substr(0, sizeof block);
  for (std::size_t at = sizeof block; at < value.size(); at += sizeof block) {
    const std::string_view next = value.substr(at, sizeof block);
    if (next != first.substr(0, next.size())) return false;
  }
  return true;
}

}  // namespace kith::sim
