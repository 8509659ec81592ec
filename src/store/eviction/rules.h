// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "store/eviction/settings.h"

namespace kith::store {

/// The queues of a cache. What is in `doomed` leaves next.
enum class QueueId : std::uint8_t { none, small, main, doomed };

/// Which entry of a cache to give up: two FIFO queues, a memory of what left (the ghosts), and four
/// knobs. docs/notes.md, "Which entries stay", tells the idea.
///
/// The rules are the same for the real entries and for the shadows that try settings out, so they
/// are written for any `Cache` that has a type Node and
///   settings(), capacity()            as they are now
///   has_room(Node)                    whether nothing has to leave for it
///   charge(QueueId), charge(Node), count(QueueId)
///   push(QueueId, Node)               at the newest end
///   pop(QueueId)                      from the oldest end
///   uses(Node), set_uses(Node, n)
///   remember(Node), recall(Node)      the ghosts; what is recalled is forgotten
///   newest(), set_newest(Node)        what was inserted last
///   next_refill()                     counts up
template <class Cache>
class Rules {
 public:
  using Node = typename Cache::Node;

  static void insert(Cache& cache, Node node) {
    cache.set_uses(node, 0);
    cache.set_newest(node);
    cache.push(home_of(cache, node), node);
  }

  /// Requires that there is an entry. The newest stays, unless it is alone.
  static Node evict(Cache& cache) {
    for (int step = 0; cache.count(QueueId::doomed) == 0; ++step) {
      if (!small_is_over(cache)) {
        doom_main(cache);
        break;
      }
      judge(cache, cache.pop(QueueId::small), step);
    }
    return cache.pop(QueueId::doomed);
  }

 private:
  /// Entries that one eviction may look at.
  static constexpr int kStepLimit = 64;
  /// Evictions from small, one of which gives an entry to a main queue that is short.
  static constexpr unsigned kRefillEvery = 4;

  static double small_target(const Cache& cache) {
    return cache.settings().small_share * static_cast<double>(cache.capacity());
  }

  /// Beside the small queue, which has room for one at least: else every newcomer would push
  /// something out of main.
  static bool main_has_room(const Cache& cache, Node node) {
    const auto charge = static_cast<double>(cache.charge(node));
    return static_cast<double>(cache.charge(QueueId::main)) + charge <=
           static_cast<double>(cache.capacity()) - std::max(small_target(cache), charge);
  }

  static bool small_is_over(const Cache& cache) {
    if (cache.count(QueueId::main) == 0) return true;
    return cache.count(QueueId::small) > 1 &&
           static_cast<double>(cache.charge(QueueId::small)) > small_target(cache);
  }

  /// Main fills first: so of a loop that is larger than the cache a part stays, as with LIRS.
  static QueueId home_of(Cache& cache, Node node) {
    const bool returns = cache.recall(node);
    const bool cache_has_room = cache.has_room(node);
    if (main_has_room(cache, node)) {
      return cache_has_room || returns ? QueueId::main : QueueId::small;
    }
    const bool may_duel = returns && cache.settings().small_share < 1 && !cache_has_room;
    return may_duel && win_duel(cache) ? QueueId::main : QueueId::small;
  }

  /// A newcomer challenges the oldest entries of main. Who was used pays with a use and stays; the
  /// first who was not gives way.
  static bool win_duel(Cache& cache) {
    const int steps = cache.settings().duel_steps;
    for (int step = 0; step < steps && cache.count(QueueId::main) > 0; ++step) {
      const Node node = cache.pop(QueueId::main);
      if (node == cache.newest()) {
        cache.push(QueueId::main, node);
        continue;
      }
      if (cache.uses(node) == 0) {
        doom(cache, node, cache.settings().ghost_main);
        return true;
      }
      spare(cache, node);
    }
    return false;
  }

  static void spare(Cache& cache, Node node) {
    cache.set_uses(node, static_cast<std::uint8_t>(cache.uses(node) - 1));
    cache.push(QueueId::main, node);
  }

  static void doom(Cache& cache, Node node, bool remember) {
    if (remember) cache.remember(node);
    cache.push(QueueId::doomed, node);
  }

  static std::size_t others(const Cache& cache) {
    return cache.count(QueueId::small) + cache.count(QueueId::main);
  }

  static void doom_main(Cache& cache) {
    for (int step = 0; step < kStepLimit; ++step) {
      const Node node = cache.pop(QueueId::main);
      if (node == cache.newest() && others(cache) > 0) {
        cache.push(QueueId::main, node);
        if (cache.count(QueueId::main) > 1) continue;
        return doom(cache, cache.pop(QueueId::small), true);
      }
      if (cache.uses(node) == 0) return doom(cache, node, cache.settings().ghost_main);
      spare(cache, node);
    }
    doom(cache, cache.pop(QueueId::main), cache.settings().ghost_main);
  }

  /// What becomes of the oldest entry of small: it stays, moves to main, or is doomed.
  static void judge(Cache& cache, Node node, int step) {
    if (node == cache.newest() && others(cache) > 0) return cache.push(QueueId::small, node);
    if (step >= kStepLimit || cache.count(QueueId::small) == 0) return doom(cache, node, true);
    const Settings& settings = cache.settings();
    const std::uint8_t uses = cache.uses(node);
    if (settings.recirculate && uses > 0) {
      cache.set_uses(node, 0);
      return cache.push(QueueId::small, node);
    }
    const bool worthy = uses >= settings.promote_uses;
    if (main_has_room(cache, node) && (worthy || refill_due(cache, uses, step))) {
      return to_main(cache, node);
    }
    if (worthy && win_duel(cache)) return to_main(cache, node);
    doom(cache, node, true);
  }

  /// When small was made smaller main has to grow, even if nothing deserves it: in a loop that is
  /// larger than the cache nothing does.
  static bool refill_due(Cache& cache, std::uint8_t uses, int step) {
    return step == 0 && uses == 0 && cache.next_refill() % kRefillEvery == 0;
  }

  static void to_main(Cache& cache, Node node) {
    cache.set_uses(node, 0);
    cache.push(QueueId::main, node);
  }
};

}  // namespace kith::store
