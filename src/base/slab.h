// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace kith {

/// Reusable cells addressed by a handle that is never given to another cell's content: a handle to
/// something erased finds nothing, even after its cell was used again. So a timer or a reply that
/// comes late can name its subject safely. Everything is O(1) but for_each. Not thread-safe.
///
/// References stay valid across inserts and across erasing other cells.
template <class T>
class Slab {
 public:
  /// The cell's index in the low 32 bits, its generation in the high 32. Zero is never valid. The
  /// same calls give the same handles.
  using Handle = std::uint64_t;

  Handle insert(T content) {
    std::uint32_t index;
    if (free_.empty()) {
      KITH_CHECK(cells_.size() < UINT32_MAX);
      index = static_cast<std::uint32_t>(cells_.size());
      cells_.emplace_back().generation = first_generation_;
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Cell& cell = cells_[index];
    cell.content.emplace(std::move(content));
    return handle_of(index, cell.generation);
  }

  /// Null when the content was erased, or the handle never was one of this slab's.
  T* find(Handle handle) {
    Cell* cell = live_cell(handle);
    return cell == nullptr ? nullptr : &*cell->content;
  }
  const T* find(Handle handle) const { return const_cast<Slab*>(this)->find(handle); }

  /// False when there was nothing to erase.
  bool erase(Handle handle) { return take(handle).has_value(); }

  /// Erases the content and hands it over. Empty when there was nothing to erase.
  std::optional<T> take(Handle handle) {
    Cell* cell = live_cell(handle);
    if (cell == nullptr) return std::nullopt;
    // The slab is consistent before the content's destructor runs, which may call it again.
    std::optional<T> content = std::exchange(cell->content, std::nullopt);
    if (++cell->generation == 0) cell->generation = 1;
    free_.push_back(static_cast<std::uint32_t>(handle));
    return content;
  }

  /// Gives the memory back that an empty slab has from a time when it was large. Handles of then
  /// find nothing in future either.
  void release_if_idle() {
    constexpr std::size_t kKeptCells = 256;
    if (!empty() || cells_.size() <= kKeptCells) return;
    for (const Cell& cell : cells_) {
      first_generation_ = std::max(first_generation_, cell.generation);
    }
    std::deque<Cell>().swap(cells_);
    std::vector<std::uint32_t>().swap(free_);
  }

  std::size_t size() const { return cells_.size() - free_.size(); }
  /// Of memory, without what the contents have elsewhere.
  std::size_t memory_bytes() const {
    return cells_.size() * sizeof(Cell) + free_.capacity() * sizeof(std::uint32_t);
  }
  bool empty() const { return size() == 0; }

  /// Calls fn(Handle, T&) for each content in the order of the cells. `fn` may erase any content;
  /// whether it meets content that it inserts itself is unspecified, but the same in every run.
  template <class Fn>
  void for_each(Fn fn) {
    for (std::size_t index = 0; index < cells_.size(); ++index) {
      Cell& cell = cells_[index];
      if (cell.content)
        fn(handle_of(static_cast<std::uint32_t>(index), cell.generation), *cell.content);
    }
  }
  template <class Fn>
  void for_each(Fn fn) const {
    for (std::size_t index = 0; index < cells_.size(); ++index) {
      const Cell& cell = cells_[index];
      if (cell.content)
        fn(handle_of(static_cast<std::uint32_t>(index), cell.generation), *cell.content);
    }
  }

 private:
  struct Cell {
    std::optional<T> content;
    /// Of the present content, or of the next one when empty. Never 0.
    std::uint32_t generation = 1;
  };

  static Handle handle_of(std::uint32_t index, std::uint32_t generation) {
    return (Handle{generation} << 32) | index;
  }

  Cell* live_cell(Handle handle) {
    const auto index = static_cast<std::uint32_t>(handle);
    if (index >= cells_.size()) return nullptr;
    Cell& cell = cells_[index];
    return cell.content && cell.generation == handle >> 32 ? &cell : nullptr;
  }

  std::deque<Cell> cells_;
  std::vector<std::uint32_t> free_;
  /// No content of a cell that was released had this one or a later one.
  std::uint32_t first_generation_ = 1;
};

}  // namespace kith
