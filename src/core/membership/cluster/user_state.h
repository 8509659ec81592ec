// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace kith::membership {

/// What a kith node sends with every push/pull.
struct UserState {
  std::string cluster;
  /// The sender.
  std::string name;
  BootId boot;
};

/// Names in kith's own bytes.
inline constexpr std::size_t kMaxName = 255;

/// Requires names within their bounds.
std::string encode(const UserState& state);
/// Empty: this is not from a kith node, or from one of a later format.
std::optional<UserState> decode_user_state(std::string_view bytes);

}  // namespace kith::membership
