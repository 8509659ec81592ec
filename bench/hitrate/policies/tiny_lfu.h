// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/rng.h"
#include "bench/hitrate/policies/frequency_sketch.h"
#include "bench/hitrate/policies/lists.h"
#include "bench/hitrate/policies/window_climber.h"
#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// W-TinyLFU (Einziger, Friedman and Manes, ACM ToS 2017) as Caffeine has it: an LRU window in
/// front of a segmented LRU, of which four fifths are protected. What leaves the window must have
/// been used more often than the oldest object on probation, by the sketch, to take its place.
class TinyLfu final : public Policy {
 public:
  enum class Window { fixed, climbing };

  /// The window is of one hundredth; climbing, it begins there.
  TinyLfu(const CacheSpec& spec, Window window)
      : window_(window),
        capacity_(spec.capacity),
        window_capacity_(capacity_ - capacity_ / 100 * 99 - capacity_ % 100 * 99 / 100),
        protected_capacity_((capacity_ - window_capacity_) * 4 / 5),
        sketch_(spec.expected_objects),
        climber_(spec.capacity, spec.expected_objects) {}

  std::string_view name() const override {
    return window_ == Window::climbing ? "W-TinyLFU" : "W-TinyLFU-1%";
  }
  std::uint64_t used() const override {
    return lists_.size(kWindow) + lists_.size(kProbation) + lists_.size(kProtected);
  }

  bool access(std::uint64_t key, std::uint32_t size) override {
    sketch_.increment(key);
    Object* object = lists_.find(key);
    const bool hit = object != nullptr;
    if (hit) {
      use(*object);
    } else if (size <= capacity_) {
      take_in(key, size);
    }
    if (window_ == Window::climbing) resize_window(climber_.count(hit));
    return hit;
  }

 private:
  static constexpr std::uint8_t kWindow = 0;
  static constexpr std::uint8_t kProbation = 1;
  static constexpr std::uint8_t kProtected = 2;
  /// Candidates used so often get in once in kLuck times although they lose, lest an attacker
  /// who guesses the hashes keeps them out.
  static constexpr std::uint8_t kWorthLuck = 6;
  static constexpr std::uint64_t kLuck = 128;

  void use(Object& object) {
    lists_.move(object, object.list == kWindow ? kWindow : kProtected);
    demote();
  }

  void demote() {
    while (lists_.size(kProtected) > protected_capacity_) {
      lists_.move(*lists_.oldest(kProtected), kProbation);
    }
  }

  /// What is larger than the window competes at once, and leaves the window as it is.
  void take_in(std::uint64_t key, std::uint32_t size) {
    Object& object = lists_.add(size > window_capacity_ ? kProbation : kWindow, key, size);
    if (object.list == kProbation) {
      admit_or_drop(object);
    } else {
      evict();
    }
  }

  void evict() {
    while (lists_.size(kWindow) > window_capacity_) {
      Object& candidate = *lists_.oldest(kWindow);
      lists_.move(candidate, kProbation);
      admit_or_drop(candidate);
    }
    while (used() > capacity_) {
      lists_.remove(*lists_.oldest(lists_.empty(kProbation) ? kProtected : kProbation));
    }
  }

  /// The candidate is the newest on probation, and one after another of the oldest has to give way
  /// until it fits, or it loses.
  void admit_or_drop(Object& candidate) {
    while (used() > capacity_) {
      Object& victim = *lists_.oldest(kProbation);
      if (&victim == &candidate || !wins(candidate, victim)) {
        lists_.remove(candidate);
        return;
      }
      lists_.remove(victim);
    }
  }

  bool wins(const Object& candidate, const Object& victim) {
    const std::uint8_t frequency = sketch_.frequency(candidate.key);
    if (frequency > sketch_.frequency(victim.key)) return true;
    return frequency >= kWorthLuck && rng_.below(kLuck) == 0;
  }

  void resize_window(std::int64_t amount) {
    if (amount > 0) grow_window(static_cast<std::uint64_t>(amount));
    if (amount < 0) shrink_window(static_cast<std::uint64_t>(-amount));
  }

  /// At the cost of the protected segment.
  void grow_window(std::uint64_t amount) {
    const std::uint64_t step = std::min(amount, protected_capacity_);
    window_capacity_ += step;
    protected_capacity_ -= step;
    demote();
    for (std::uint64_t left = step;;) {
      Object* moved = lists_.oldest(kProbation);
      if (moved == nullptr || moved->size > left) moved = lists_.oldest(kProtected);
      if (moved == nullptr || moved->size > left) return;
      left -= moved->size;
      lists_.move(*moved, kWindow);
    }
  }

  void shrink_window(std::uint64_t amount) {
    const std::uint64_t step = std::min(amount, window_capacity_ - 1);
    window_capacity_ -= step;
    protected_capacity_ += step;
    while (lists_.size(kWindow) > window_capacity_) {
      lists_.move(*lists_.oldest(kWindow), kProbation);
    }
  }

  const Window window_;
  const std::uint64_t capacity_;
  std::uint64_t window_capacity_;
  std::uint64_t protected_capacity_;
  FrequencySketch sketch_;
  WindowClimber climber_;
  Rng rng_{1};
  Lists lists_{3};
};

}  // namespace kith::bench::hitrate
