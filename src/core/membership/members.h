// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "core/membership/messages.h"
#include "core/membership/suspicion.h"

namespace kith::membership {

/// One of them. A pool of thousands has as many in each of its nodes, so what few of them have is
/// kept apart.
struct Member {
  std::string name;
  Address address;
  std::string meta;
  Versions versions = {};
  std::uint32_t incarnation = 0;
  State state = State::dead;
  /// When `state` became what it is.
  TimePoint changed;
  /// Exactly while the state is suspect.
  std::unique_ptr<Suspicion> suspicion = {};
  /// Where it was before it moved: old news may still say so.
  std::unique_ptr<const Address> former = {};

  bool gone() const { return state == State::dead || state == State::left; }
  bool was_at(const Address& place) const { return former != nullptr && *former == place; }
};

/// All nodes this one knows, itself included and the dead until they are forgotten. Only a
/// container: what makes a member alive or dead is the Roster's. Pure; one thread.
class Members {
 public:
  explicit Members(std::string self) : self_name_(std::move(self)) {}
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  /// Null: not known. Valid until the member is forgotten.
  Member* find(std::string_view name);
  const Member* find(std::string_view name) const;
  bool is_self(std::string_view name) const { return name == self_name_; }
  /// Requires that it was added.
  Member& self() { return *find(self_name_); }
  const Member& self() const { return *find(self_name_); }

  /// A new one, dead and without an address, at a random place of the probing order, so that
  /// nodes that learn of each other in the same order do not probe in step.
  Member& add(std::string_view name, Rng& rng);
  /// Takes out who has been dead, or left, for longer than `after`.
  void forget(TimePoint now, Duration after);

  /// The next in the probing order that is neither this node nor gone; null: there is none. Each
  /// time the order is through, forgets as above and shuffles.
  Member* next_to_probe(TimePoint now, Duration forget_after, Rng& rng);

  /// At most `count` different members that `eligible` accepts, each equally likely.
  std::vector<const Member*> choose(std::size_t count, Rng& rng,
                                    const std::function<bool(const Member&)>& eligible) const;
  /// In the present probing order, which is random and the same for the same seed.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& member : order_) visit(std::as_const(*member));
  }

  /// The n of all formulas.
  std::size_t size() const { return order_.size(); }

 private:
  struct HashOfName {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return absl::Hash<std::string_view>{}(name);
    }
    std::size_t operator()(const Member* member) const { return (*this)(member->name); }
  };
  struct SameName {
    using is_transparent = void;
    bool operator()(const Member* member, std::string_view name) const {
      return member->name == name;
    }
    bool operator()(const Member* a, const Member* b) const { return a->name == b->name; }
  };

  std::string self_name_;
  std::vector<std::unique_ptr<Member>> order_;
  std::size_t next_ = 0;
  /// For looking up only; its own order depends on the process.
  absl::flat_hash_set<Member*, HashOfName, SameName> by_name_;
};

}  // namespace kith::membership
