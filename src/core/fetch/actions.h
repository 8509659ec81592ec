// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>
#include <kith/value.h>
#include <kith/version.h>

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/entry.h"
#include "base/ids.h"
#include "base/key.h"
#include "wire/peer/message.h"

// What the core asks of its driver, and what it is told. See "The core's shape" in docs/notes.md.
namespace kith::fetch {

/// Names a caller's request. Chosen by the driver, unique while the request lives.
using Ticket = StrongId<struct TicketTag, std::uint64_t>;
/// Names a running load. Unique within a node's life.
using LoadId = StrongId<struct LoadIdTag, std::uint64_t>;

/// Where an answer came from, as kith::Source.
enum class Origin : std::uint8_t { local, mirror, peer, origin };

struct Answer {
  std::optional<Value> value;
  Origin origin = Origin::local;
  bool stale = false;
  Version version = {};
};

/// What a loader said.
struct LoadedValue {
  Value value;
  std::optional<Duration> ttl = {};
  Tags tags = {};
};
struct LoadedNothing {};
using LoadOutcome = std::variant<LoadedValue, LoadedNothing, Error>;

/// Give the message to a node: requests on the connection this node dialed, replies on the one that
/// the request came by. Lost when there is no connection. The message's borrowed bytes are kept
/// alive by `keep_alive`.
struct Send {
  NodeId to;
  wire::peer::Message message;
  Value keep_alive = {};
  /// Of the key that a request is about: a node with several loops has a connection for each.
  SlotIndex slot = {};
};

/// Call the cache's loader. Its answer comes back as on_loaded, once or never.
struct StartLoad {
  CacheId cache;
  LoadId load;
  Key key;
  TimePoint deadline;
};

/// Nobody waits for the load any more: tell the loader to stop. Its answer will be ignored.
struct CancelLoad {
  CacheId cache;
  LoadId load;
};

/// The request of `ticket` ended. Emitted exactly once per request.
struct Complete {
  Ticket ticket;
  Result<Answer> result;
};

/// Close the connection to a node that has fallen silent, and dial it again.
struct DropLink {
  NodeId node;
};

/// A peer became reachable, or stopped being so. For status and logs.
struct PeerChanged {
  NodeId node;
  bool reachable = false;
};

using Action = std::variant<Send, StartLoad, CancelLoad, Complete, DropLink, PeerChanged>;
/// In order of execution. Reused between inputs by the driver.
using Actions = std::vector<Action>;

}  // namespace kith::fetch
