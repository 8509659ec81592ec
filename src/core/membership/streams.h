// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "core/membership/actions.h"
#include "core/membership/messages.h"

namespace kith::membership {

/// What a stream that this node opened is for.
struct StreamUse {
  /// Of a ping: the probe that it belongs to. Empty: a push/pull.
  std::optional<std::uint32_t> ping = {};
  /// Of a push/pull that is part of a join.
  std::optional<JoinId> join = {};
};

/// The streams that this node opened and that have not ended. Each ends once, and brings its use
/// back then. Pure; one thread.
class Streams {
 public:
  void open(const Address& to, StreamMessage request, TimePoint deadline, StreamUse use,
            Actions& out) {
    const StreamId stream{++last_};
    open_.emplace(stream, use);
    out.push_back(OpenStream{stream, to, std::move(request), deadline});
  }

  /// Empty: it ended before.
  std::optional<StreamUse> end(StreamId stream) {
    const auto entry = open_.find(stream);
    if (entry == open_.end()) return std::nullopt;
    const StreamUse use = entry->second;
    open_.erase(entry);
    return use;
  }

  std::size_t count() const { return open_.size(); }

 private:
  std::uint64_t last_ = 0;
  std::map<StreamId, StreamUse> open_;
};

}  // namespace kith::membership
