// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace kith::edge {

/// The connections of a loop that have something to send at the end of its turn. Loop thread only.
class FlushQueue {
 public:
  class Item {
   public:
    virtual ~Item() = default;
    virtual void flush() = 0;
  };

  void add(std::shared_ptr<Item> item) { items_.push_back(std::move(item)); }

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
};

}  // namespace kith::edge
