// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>
#include <kith/time.h>

#include <cstdint>

#include "base/entry.h"
#include "base/ids.h"
#include "core/fetch/actions.h"
#include "core/fetch/waiters.h"

// How an ending becomes an action for whoever waits: a completion for a user, a reply for a node.
namespace kith::fetch {

/// An entry as an answer.
struct Found {
  const Entry& entry;
  /// A loader ran for it.
  bool loaded = false;
  bool stale = false;
  /// This node stood in for the owner.
  bool guest = false;
};

/// The answer to a user for an entry of this node's memory, or one just loaded here.
Answer answer_of(const Found& found);
/// The reply to another node's request. `value` is the entry's.
Send value_reply(NodeId to, wire::peer::RequestId request, ViewId view, std::uint8_t load_hint,
                 const Found& found, Value value, TimePoint now);
/// The reply for a request that failed for good. The message is cut to what a frame carries.
Send failure_reply(NodeId to, wire::peer::RequestId request, const Error& error);

/// The first 32 bits of the view's id, as requests and replies carry them.
inline std::uint32_t short_id(ViewId view) { return static_cast<std::uint32_t>(view.value); }

}  // namespace kith::fetch
