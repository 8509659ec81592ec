// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <optional>
#include <span>

#include "base/entry.h"
#include "base/ids.h"
#include "base/key.h"
#include "base/mark.h"
#include "base/rng.h"

namespace kith::fetch {

/// The node's memory for one cache, as the miss path sees it. Semantics as store::Store.
class Storage {
 public:
  virtual ~Storage() = default;
  virtual std::optional<Entry> get(KeyView key, TimePoint now) = 0;
  virtual std::optional<Entry> get_stale(KeyView key, TimePoint now) = 0;
  virtual void put(KeyView key, Entry entry, TimePoint now) = 0;
  virtual void get_many(std::span<const KeyView> keys, TimePoint now,
                        std::span<std::optional<Entry>> entries) = 0;
};

/// What the miss path knows of the other nodes.
class Neighbours {
 public:
  virtual ~Neighbours() = default;
  /// Whether it is worth sending a request there.
  virtual bool reachable(NodeId node) const = 0;
  /// A request to `node` is under way, or has ended.
  virtual void request_sent(NodeId node, TimePoint now) = 0;
  virtual void request_ended(NodeId node) = 0;
};

/// What all caches of a node share. Owned by core::Node, which outlives its caches.
struct Surroundings {
  NodeId self;
  BootId boot;
  /// About to stop: requests of others are refused.
  bool draining = false;
  Neighbours& neighbours;
  Rng& rng;
  Marks& marks;
};

}  // namespace kith::fetch
