// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "core/membership/cluster/notices.h"

namespace kith::membership {

/// What a kith node sends with every push/pull.
struct UserState {
  std::string cluster;
  /// The sender.
  std::string name;
  BootId boot;
  /// Those of the sender and of others that are too long for Meta, as many as fit kMaxListBytes.
  std::vector<std::vector<CacheId>> lists = {};
  /// Members that own no keys because they flap, at most kMaxFlapping.
  std::vector<Flapping> flapping = {};

  friend bool operator==(const UserState&, const UserState&) = default;
};

inline constexpr std::size_t kMaxListBytes = 65'536;
inline constexpr std::size_t kMaxFlapping = 64;

/// Requires names and lists within their bounds. What is over them in number is left out.
std::string encode(const UserState& state);
/// Empty: this is not from a kith node, or from one of a later format.
std::optional<UserState> decode_user_state(std::string_view bytes);

}  // namespace kith::membership
