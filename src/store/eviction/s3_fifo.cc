// SPDX-License-Identifier: Apache-2.0
#include "store/eviction/s3_fifo.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace kith::store {

void S3Fifo::List::push(Node& node) {
  node.newer = nullptr;
  node.older = newest;
  (newest == nullptr ? oldest : newest->newer) = &node;
  newest = &node;
  charge += node.charge;
  ++size;
}

void S3Fifo::List::unlink(Node& node) {
  (node.newer == nullptr ? newest : node.newer->older) = node.older;
  (node.older == nullptr ? oldest : node.older->newer) = node.newer;
  node.newer = nullptr;
  node.older = nullptr;
  charge -= node.charge;
  --size;
}

void S3Fifo::Ghosts::add(std::uint64_t hash, std::size_t limit) {
  latest_[hash] = dropped_ + order_.size();
  order_.push_back(hash);
  while (order_.size() > limit) {
    const auto found = latest_.find(order_.front());
    if (found != latest_.end() && found->second == dropped_) latest_.erase(found);
    order_.pop_front();
    ++dropped_;
  }
}

void S3Fifo::Ghosts::clear() {
  order_.clear();
  latest_.clear();
}

S3Fifo::S3Fifo(std::uint64_t capacity) : small_capacity_(capacity / 10) {}

void S3Fifo::insert(Node& node, std::uint64_t hash, std::uint64_t charge) {
  node.hash = hash;
  node.charge = charge;
  node.uses = 0;
  enter(node, ghosts_.take(hash) ? Queue::main : Queue::small);
}

void S3Fifo::insert_again(Node& node, std::uint64_t charge) {
  KITH_CHECK(node.last_queue != Queue::none);
  node.charge = charge;
  enter(node, node.last_queue);
}

void S3Fifo::remove(Node& node) { leave(node); }

S3Fifo::Node* S3Fifo::evict() {
  if (small_.size > 0 && (small_.charge >= small_capacity_ || main_.size == 0)) {
    if (Node* victim = evict_from_small()) return victim;
  }
  if (Node* victim = evict_from_main()) return victim;
  return evict_from_small();
}

void S3Fifo::clear() {
  small_ = {};
  main_ = {};
  ghosts_.clear();
}

void S3Fifo::enter(Node& node, Queue queue) {
  KITH_CHECK(node.queue == Queue::none);
  list_of(queue).push(node);
  node.queue = queue;
}

S3Fifo::Node* S3Fifo::leave(Node& node) {
  KITH_CHECK(node.queue != Queue::none);
  list_of(node.queue).unlink(node);
  node.last_queue = std::exchange(node.queue, Queue::none);
  return &node;
}

/// Null when every node of the queue was worth a place in the main one.
S3Fifo::Node* S3Fifo::evict_from_small() {
  while (small_.oldest != nullptr) {
    Node& node = *small_.oldest;
    leave(node);
    if (node.uses == 0) {
      ghosts_.add(node.hash, std::max<std::size_t>(size(), 1));
      return &node;
    }
    node.uses = 0;
    enter(node, Queue::main);
  }
  return nullptr;
}

S3Fifo::Node* S3Fifo::evict_from_main() {
  // Ends: each turn takes one use from a finite number.
  while (main_.oldest != nullptr) {
    Node& node = *main_.oldest;
    leave(node);
    if (node.uses == 0) return &node;
    --node.uses;
    enter(node, Queue::main);
  }
  return nullptr;
}

}  // namespace kith::store
