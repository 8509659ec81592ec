// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/membership.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tiles {

/// What the node's listener heard of the pool lately, for people to read. Thread-safe.
class MemberBoard {
 public:
  struct Event {
    std::chrono::system_clock::time_point at;
    /// "joined", "suspected" and so on.
    std::string what;
    /// Of the member.
    std::string name;
  };
  /// The newest this many are kept.
  static constexpr std::size_t kEvents = 30;

  /// For NodeOptions::on_member_event. May outlive the board.
  kith::MemberListener listener() const;

  /// Oldest first.
  std::vector<Event> events() const;
  /// The names of those that own the tiles, in use on this node. Empty: none was told.
  std::vector<std::string> owners() const;

 private:
  struct State {
    mutable std::mutex mutex;
    std::deque<Event> events;
    std::vector<std::string> owners;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tiles
