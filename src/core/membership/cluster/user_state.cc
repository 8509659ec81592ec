// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/user_state.h"

#include <cstdint>

#include "core/membership/cluster/fields.h"

namespace kith::membership {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::string encode(const UserState& state) {
  FieldWriter out;
  out.raw(kMagic);
  out.number(kFormat, 1);
  out.text(state.cluster);
  out.text(state.name);
  out.number(state.boot.value, 8);
  return out.take();
}

std::optional<UserState> decode_user_state(std::string_view bytes) {
  FieldReader in(bytes);
  if (in.raw(kMagic.size()) != kMagic || in.of<std::uint8_t>() != kFormat) return std::nullopt;
  UserState state;
  state.cluster = in.text();
  state.name = in.text();
  state.boot = BootId{in.of<std::uint64_t>()};
  if (!in.good()) return std::nullopt;
  return state;
}

}  // namespace kith::membership
