// SPDX-License-Identifier: Apache-2.0
#pragma once

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
      cells_.emplace_back();
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

  std::size_t size() const { return cells_.size() - free_.size(); }
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
};

}  // namespace kith
