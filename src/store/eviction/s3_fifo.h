// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"

namespace kith::store {

/// Chooses which entry to give up: S3-FIFO (Yang et al., SOSP 2023), counted in bytes.
///
/// Newcomers enter a small queue of a tenth of the capacity. Those used while they passed through
/// it move to the main queue; the others leave, and only their hash is remembered for a while (the
/// ghosts). A newcomer whose ghost is still there enters the main queue at once. The main queue is
/// a FIFO with second chances: each use up to three earns one more round. So a scan of keys that
/// are read once flows through the small queue and never touches what is popular.
///
/// Holds no entry: an entry derives from Node, and whoever owns the entries keeps them alive while
/// they are in here. Deterministic. Not thread-safe.
class S3Fifo {
 public:
  enum class Queue : std::uint8_t { none, small, main };

  /// An entry's place in the queues. The fields are S3Fifo's to change.
  struct Node {
    Node() = default;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    Node* newer = nullptr;
    Node* older = nullptr;
    std::uint64_t hash = 0;
    std::uint64_t charge = 0;
    /// Uses since the node entered its queue, at most kMaxUses.
    std::uint8_t uses = 0;
    Queue queue = Queue::none;
    /// The queue before `none`.
    Queue last_queue = Queue::none;
  };

  static constexpr std::uint8_t kMaxUses = 3;

  /// `capacity` in the unit of the charges. Only the size of the small queue follows from it: it is
  /// the owner who calls evict while the charges exceed what it can hold.
  explicit S3Fifo(std::uint64_t capacity);

  /// Takes in an entry that is new. Requires node.queue == none.
  void insert(Node& node, std::uint64_t hash, std::uint64_t charge);
  /// Takes in a node that remove() let go, in the queue that it was in and with the uses that it
  /// had: for an entry whose content was replaced. The node may come from another S3Fifo.
  void insert_again(Node& node, std::uint64_t charge);
  /// Notes a use.
  void touch(Node& node) {
    if (node.uses < kMaxUses) ++node.uses;
  }
  /// Lets a node go; no ghost stays behind.
  void remove(Node& node);
  /// Chooses the least worthy node and lets it go. Null when there is none. Amortized O(1).
  Node* evict();
  /// Forgets all nodes and ghosts. Leaves the nodes' fields as they are.
  void clear();

  std::uint64_t charge() const { return small_.charge + main_.charge; }
  std::size_t size() const { return small_.size + main_.size; }
  std::size_t ghosts() const { return ghosts_.size(); }

 private:
  /// A doubly linked list through the nodes.
  struct List {
    Node* newest = nullptr;
    Node* oldest = nullptr;
    std::uint64_t charge = 0;
    std::size_t size = 0;

    void push(Node& node);
    void unlink(Node& node);
  };

  /// The hashes of the last entries that left the small queue unused, at most as many as there are
  /// entries.
  class Ghosts {
   public:
    void add(std::uint64_t hash, std::size_t limit);
    /// Whether the hash is there; then it no longer is.
    bool take(std::uint64_t hash) { return latest_.erase(hash) > 0; }
    std::size_t size() const { return latest_.size(); }
    void clear();

   private:
    /// The hashes are good ones already.
    struct AsIs {
      std::size_t operator()(std::uint64_t hash) const { return static_cast<std::size_t>(hash); }
    };

    std::deque<std::uint64_t> order_;
    /// Number of additions before order_.front().
    std::uint64_t dropped_ = 0;
    /// Which addition a hash came with last: an older one in order_ is void.
    absl::flat_hash_map<std::uint64_t, std::uint64_t, AsIs> latest_;
  };

  List& list_of(Queue queue) { return queue == Queue::main ? main_ : small_; }
  void enter(Node& node, Queue queue);
  Node* leave(Node& node);
  Node* evict_from_small();
  Node* evict_from_main();

  std::uint64_t small_capacity_;
  List small_;
  List main_;
  Ghosts ghosts_;
};

}  // namespace kith::store
