// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <list>

#include "absl/container/flat_hash_map.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// LIRS (Jiang and Zhang, SIGMETRICS 2002): keeps what comes back soon (LIR), by the distance
/// between its last two uses rather than by the last one.
///
/// The stack orders objects by their last use; below its lowest LIR object there is nothing
/// (pruning). HIR objects that are held wait in the queue, whose front leaves first; one that is
/// used while it still stands in the stack becomes LIR in the place of the lowest. What left the
/// queue stays in the stack as a ghost; ghosts of up to twice the capacity, the first to become one
/// goes first.
class Lirs final : public Policy {
 public:
  explicit Lirs(const CacheSpec& spec)
      : capacity_(spec.capacity),
        lir_capacity_(spec.capacity - std::max<std::uint64_t>(spec.capacity / 100, 1)) {}

  std::string_view name() const override { return "LIRS"; }
  std::uint64_t used() const override { return used_; }

  bool access(std::uint64_t key, std::uint32_t size) override {
    const auto found = objects_.find(key);
    if (found == objects_.end() || found->second.kind == Kind::ghost) {
      if (size <= capacity_) take_in(key, size);
      return false;
    }
    if (found->second.kind == Kind::lir) {
      to_top(found->second);
      prune();
    } else {
      use_held_hir(key, found->second);
    }
    return true;
  }

 private:
  using Keys = std::list<std::uint64_t>;
  enum class Kind : std::uint8_t { lir, hir, ghost };
  struct Place {
    Kind kind;
    std::uint32_t size;
    bool in_stack;
    Keys::iterator stack;  ///< Valid if in_stack.
    Keys::iterator queue;  ///< Of `queue_` for a HIR object, of `ghosts_` for a ghost.
  };

  void use_held_hir(std::uint64_t key, Place& place) {
    if (place.in_stack) {
      to_top(place);
      queue_.erase(place.queue);
      become_lir(place);
    } else {
      push_on_stack(key, place);
      queue_.splice(queue_.end(), queue_, place.queue);
    }
  }

  void take_in(std::uint64_t key, std::uint32_t size) {
    while (used_ + size > capacity_) evict();
    used_ += size;
    const auto ghost = objects_.find(key);  // Making room may have dropped it.
    if (ghost != objects_.end()) {
      to_top(ghost->second);
      drop_from_ghosts(ghost->second);
      become_lir(ghost->second);
      return;
    }
    Place& place = objects_[key];
    place = {Kind::hir, size, false, {}, {}};
    push_on_stack(key, place);
    if (lir_used_ + size <= lir_capacity_) {
      become_lir(place);
    } else {
      place.queue = queue_.insert(queue_.end(), key);
    }
  }

  /// Of an object that is on top of the stack and in no queue.
  void become_lir(Place& place) {
    place.kind = Kind::lir;
    lir_used_ += place.size;
    while (lir_used_ > lir_capacity_) demote_lowest();
    prune();
  }

  /// The lowest LIR object becomes a HIR object that is held. The stack is pruned, so it is there.
  void demote_lowest() {
    prune();
    const std::uint64_t key = stack_.back();
    Place& place = objects_[key];
    remove_from_stack(place);
    place.kind = Kind::hir;
    place.queue = queue_.insert(queue_.end(), key);
    lir_used_ -= place.size;
    prune();
  }

  void evict() {
    if (queue_.empty()) demote_lowest();
    const std::uint64_t key = queue_.front();
    const auto victim = objects_.find(key);
    Place& place = victim->second;
    queue_.pop_front();
    used_ -= place.size;
    if (!place.in_stack) {
      objects_.erase(victim);
      return;
    }
    place.kind = Kind::ghost;
    place.queue = ghosts_.insert(ghosts_.end(), key);
    ghosts_used_ += place.size;
    while (ghosts_used_ > 2 * capacity_) forget(ghosts_.front());
  }

  void prune() {
    while (!stack_.empty()) {
      const std::uint64_t key = stack_.back();
      Place& place = objects_[key];
      if (place.kind == Kind::lir) return;
      if (place.kind == Kind::ghost) {
        forget(key);
      } else {
        remove_from_stack(place);
      }
    }
  }

  void forget(std::uint64_t ghost) {
    const auto found = objects_.find(ghost);
    remove_from_stack(found->second);
    drop_from_ghosts(found->second);
    objects_.erase(found);
  }
  void drop_from_ghosts(const Place& place) {
    ghosts_used_ -= place.size;
    ghosts_.erase(place.queue);
  }

  void push_on_stack(std::uint64_t key, Place& place) {
    place.stack = stack_.insert(stack_.begin(), key);
    place.in_stack = true;
  }
  void remove_from_stack(Place& place) {
    stack_.erase(place.stack);
    place.in_stack = false;
  }
  void to_top(const Place& place) { stack_.splice(stack_.begin(), stack_, place.stack); }

  const std::uint64_t capacity_;
  const std::uint64_t lir_capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t lir_used_ = 0;
  std::uint64_t ghosts_used_ = 0;
  absl::flat_hash_map<std::uint64_t, Place> objects_;
  /// The latest use in front.
  Keys stack_;
  Keys queue_;
  /// The ghosts in the order in which they became it; they stand in the stack, too.
  Keys ghosts_;
};

}  // namespace kith::bench::hitrate
