// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/node_hash_map.h"

namespace kith::bench::hitrate {

/// What a policy knows of an object. The fields after `size` are the policy's to use, the rest is
/// the lists'.
struct Object {
  std::uint64_t key = 0;
  std::uint32_t size = 0;
  /// Uses, or whether it was used.
  std::uint8_t uses = 0;

  std::uint8_t list = 0;
  Object* newer = nullptr;
  Object* older = nullptr;
};

/// Objects found by key, each in one of several lists that go from oldest to newest. Which list is
/// which is the policy's matter. Everything is O(1). References stay valid until the object is
/// removed.
class Lists {
 public:
  explicit Lists(std::size_t count) : ends_(count) {}

  /// Null: it is in none of the lists.
  Object* find(std::uint64_t key) {
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : &found->second;
  }
  /// Puts an object that is in none of the lists at the newest end of one.
  Object& add(std::uint8_t list, std::uint64_t key, std::uint32_t size) {
    Object& object = objects_[key];
    object.key = key;
    object.size = size;
    link(object, list);
    return object;
  }
  /// Takes an object from wherever it is to the newest end of a list.
  void move(Object& object, std::uint8_t list) {
    unlink(object);
    link(object, list);
  }
  void remove(Object& object) {
    unlink(object);
    objects_.erase(object.key);
  }

  /// Null: the list is empty.
  Object* oldest(std::uint8_t list) const { return ends_[list].oldest; }
  /// The sum of the objects' sizes.
  std::uint64_t size(std::uint8_t list) const { return ends_[list].size; }
  bool empty(std::uint8_t list) const { return ends_[list].oldest == nullptr; }

 private:
  struct Ends {
    Object* newest = nullptr;
    Object* oldest = nullptr;
    std::uint64_t size = 0;
  };

  void link(Object& object, std::uint8_t list) {
    Ends& ends = ends_[list];
    object.list = list;
    object.newer = nullptr;
    object.older = ends.newest;
    (ends.newest != nullptr ? ends.newest->newer : ends.oldest) = &object;
    ends.newest = &object;
    ends.size += object.size;
  }
  void unlink(Object& object) {
    Ends& ends = ends_[object.list];
    (object.newer != nullptr ? object.newer->older : ends.newest) = object.older;
    (object.older != nullptr ? object.older->newer : ends.oldest) = object.newer;
    ends.size -= object.size;
  }

  absl::node_hash_map<std::uint64_t, Object> objects_;
  std::vector<Ends> ends_;
};

}  // namespace kith::bench::hitrate
