// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/memory_charge.h"

namespace kith::edge {

/// The connections of a loop that have something to send at the end of its turn, and what memory
/// all of them have. Loop thread only.
class FlushQueue {
 public:
  class Item {
   public:
    virtual ~Item() = default;
    virtual void flush() = 0;
  };

  void add(std::shared_ptr<Item> item) { items_.push_back(std::move(item)); }

  /// Of the buffers of all connections of the loop. Readable from any thread.
  MemoryCharge::Total& buffer_bytes() { return buffer_bytes_; }
  const MemoryCharge::Total& buffer_bytes() const { return buffer_bytes_; }

  /// Flushes each, those added meanwhile too.
  void flush() {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      // Its own handle, because the vector may grow.
      const std::shared_ptr<Item> item = std::move(items_[i]);
      item->flush();
    }
    items_.clear();
  }

 private:
  std::vector<std::shared_ptr<Item>> items_;
  MemoryCharge::Total buffer_bytes_{0};
};

}  // namespace kith::edge
