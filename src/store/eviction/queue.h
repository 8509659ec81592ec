// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/items.h"

namespace kith::store {

/// Items in the order of their arrival, linked through themselves. Holds no item: whoever owns them
/// keeps them while they are in here. Not thread-safe.
class Queue {
 public:
  /// `number`, 1 to 3: what Item::queue says while an item is in here.
  Queue(const Items& items, std::uint32_t number) : items_(items), number_(number) {}

  /// Requires that the item is in no queue.
  void push(Handle handle) {
    Item& item = items_[handle];
    item.queue = number_ & 3;
    item.newer = 0;
    item.older = newest_ & kHandleMask;
    if (newest_ == 0) {
      oldest_ = handle;
    } else {
      items_[newest_].newer = handle & kHandleMask;
    }
    newest_ = handle;
    charge_ += items_.charge(item);
    ++size_;
  }

  /// Requires that the item is in this queue.
  void remove(Handle handle) {
    Item& item = items_[handle];
    set_newer(item.older, item.newer);
    set_older(item.newer, item.older);
    item.queue = 0;
    charge_ -= items_.charge(item);
    --size_;
  }

  /// Puts `next`, which is in no queue, in the place of an item of this one.
  void substitute(Handle handle, Handle next) {
    Item& leaving = items_[handle];
    Item& coming = items_[next];
    coming.queue = number_ & 3;
    coming.newer = leaving.newer;
    coming.older = leaving.older;
    set_newer(leaving.older, next);
    set_older(leaving.newer, next);
    leaving.queue = 0;
    charge_ += items_.charge(coming);
    charge_ -= items_.charge(leaving);
  }

  void clear() {
    newest_ = 0;
    oldest_ = 0;
    charge_ = 0;
    size_ = 0;
  }

  Handle oldest() const { return oldest_; }
  std::uint64_t charge() const { return charge_; }
  std::size_t size() const { return size_; }

 private:
  void set_newer(Handle handle, Handle newer) {
    if (handle == 0) {
      oldest_ = newer;
    } else {
      items_[handle].newer = newer & kHandleMask;
    }
  }
  void set_older(Handle handle, Handle older) {
    if (handle == 0) {
      newest_ = older;
    } else {
      items_[handle].older = older & kHandleMask;
    }
  }
  static constexpr Handle kHandleMask = (Handle{1} << kHandleBits) - 1;

  const Items& items_;
  const std::uint32_t number_;
  Handle newest_ = 0;
  Handle oldest_ = 0;
  std::uint64_t charge_ = 0;
  std::size_t size_ = 0;
};

}  // namespace kith::store
