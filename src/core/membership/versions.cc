// SPDX-License-Identifier: Apache-2.0
#include "core/membership/versions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/membership/members.h"

namespace kith::membership {
namespace {

/// What all living nodes understand of one of the two protocols, whose three numbers begin at
/// `first` of their Versions.
class Common {
 public:
  explicit Common(std::size_t first) : first_(first) {}

  void narrow(State state, const Versions& versions) {
    if (state != State::alive || versions == Versions{}) return;
    low_ = std::max(low_, versions[first_]);
    high_ = std::min(high_, versions[first_ + 1]);
  }
  bool includes(const Versions& versions) const {
    return low_ <= versions[first_ + 2] && versions[first_ + 2] <= high_;
  }

 private:
  std::size_t first_;
  std::uint8_t low_ = 0;
  std::uint8_t high_ = UINT8_MAX;
};

}  // namespace

bool compatible(std::span<const NodeState> remote, const Members& local) {
  Common protocol(0);
  Common user(3);
  const auto narrow = [&](State state, const Versions& versions) {
    protocol.narrow(state, versions);
    user.narrow(state, versions);
  };
  for (const NodeState& node : remote) narrow(node.state, node.vsn);
  local.for_each([&](const Member& member) { narrow(member.state, member.versions); });

  const auto speaks = [&](const Versions& versions) {
    return protocol.includes(versions) && user.includes(versions);
  };
  bool all = std::ranges::all_of(remote, [&](const NodeState& node) { return speaks(node.vsn); });
  local.for_each([&](const Member& member) { all = all && speaks(member.versions); });
  return all;
}

}  // namespace kith::membership
