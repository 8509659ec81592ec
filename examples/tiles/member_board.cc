// SPDX-License-Identifier: Apache-2.0
#include "member_board.h"

namespace tiles {

kith::MemberListener MemberBoard::listener() const {
  return [state = state_](const kith::MemberEvent& event) {
    const std::lock_guard lock(state->mutex);
    if (event.kind == kith::MemberEvent::Kind::view_changed) {
      state->owners = event.owners;
      return;
    }
    state->events.push_back({std::chrono::system_clock::now(),
                             std::string(kith::to_string(event.kind)), event.member.name});
    if (state->events.size() > kEvents) state->events.pop_front();
  };
}

std::vector<MemberBoard::Event> MemberBoard::events() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->events.begin(), state_->events.end()};
}

std::vector<std::string> MemberBoard::owners() const {
  const std::lock_guard lock(state_->mutex);
  return state_->owners;
}

}  // namespace tiles
