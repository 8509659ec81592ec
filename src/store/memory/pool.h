// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace kith::store {

/// Memory for long-lived things of one type, in blocks of some of them. Allocated each for itself
/// they would be strewn among what lives for a moment, and each would keep a page from going back
/// to the system. A block goes when its last thing is taken out. References stay valid. Not
/// thread-safe.
template <class T>
class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  /// Requires that everything was taken out.
  ~Pool() = default;

  T& add(T&& content) {
    if (with_room_ == nullptr) {
      link(new (::operator new(kBlockBytes, kAligned)) Block);
      ++blocks_;
    }
    Block& block = *with_room_;
    Cell* const cell = block.free == nullptr ? &block.cells[block.touched++] : block.free;
    if (cell == block.free) block.free = cell->next;
    if (++block.taken == kCells) unlink(&block);
    ++size_;
    return *new (&cell->content) T(std::move(content));
  }

  /// Takes out what add() returned, and hands it over.
  T take(T& thing) {
    T content = std::move(thing);
    thing.~T();
    auto* const cell = reinterpret_cast<Cell*>(&thing);
    auto* const block = reinterpret_cast<Block*>(reinterpret_cast<std::uintptr_t>(cell) &
                                                 ~std::uintptr_t{kBlockBytes - 1});
    cell->next = block->free;
    block->free = cell;
    if (block->taken-- == kCells) link(block);
    --size_;
    if (block->taken > 0) return content;
    unlink(block);
    ::operator delete(block, kAligned);
    --blocks_;
    return content;
  }

  std::size_t size() const { return size_; }
  /// Of memory, without what the things have elsewhere.
  std::size_t bytes() const { return blocks_ * kBlockBytes; }

  /// A block begins at a multiple of its size, and is found by the address of what it holds.
  static constexpr std::size_t kBlockBytes = 2048;

 private:
  static constexpr std::align_val_t kAligned{kBlockBytes};

  union Cell {
    Cell() : next(nullptr) {}
    ~Cell() {}
    Cell* next;
    T content;
  };
  static constexpr std::size_t kCells =
      (kBlockBytes - 3 * sizeof(void*) - 2 * sizeof(std::uint32_t)) / sizeof(Cell);
  static_assert(kCells > 1);

  struct Block {
    // Among those that have room.
    Block* next = nullptr;
    Block* previous = nullptr;
    Cell* free = nullptr;
    /// Cells that were ever taken, the first ones; and those that are.
    std::uint32_t touched = 0;
    std::uint32_t taken = 0;
    Cell cells[kCells];
  };
  static_assert(sizeof(Block) <= kBlockBytes);

  void link(Block* block) {
    block->previous = nullptr;
    block->next = with_room_;
    if (with_room_ != nullptr) with_room_->previous = block;
    with_room_ = block;
  }
  void unlink(Block* block) {
    (block->previous == nullptr ? with_room_ : block->previous->next) = block->next;
    if (block->next != nullptr) block->next->previous = block->previous;
  }

  Block* with_room_ = nullptr;
  std::size_t size_ = 0;
  std::size_t blocks_ = 0;
};

}  // namespace kith::store
