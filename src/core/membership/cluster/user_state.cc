// SPDX-License-Identifier: Apache-2.0
#include "core/membership/cluster/user_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/membership/cluster/fields.h"

namespace kith::membership {
namespace {

constexpr std::uint8_t kUserStateFormat = 1;
constexpr std::size_t kMaxLists = 255;

}  // namespace

std::string encode(const UserState& state) {
  FieldWriter out;
  out.raw(kMagic);
  out.number(kUserStateFormat, 1);
  out.text(state.cluster);
  out.text(state.name);
  out.number(state.boot.value, 8);

  std::size_t lists = 0;
  std::size_t bytes = 0;
  while (lists < std::min(state.lists.size(), kMaxLists)) {
    bytes += 2 + 8 * state.lists[lists].size();
    if (bytes > kMaxListBytes) break;
    ++lists;
  }
  out.number(lists, 1);
  for (std::size_t i = 0; i < lists; ++i) {
    out.number(state.lists[i].size(), 2);
    for (const CacheId cache : state.lists[i]) out.number(cache.value, 8);
  }

  const std::size_t flapping = std::min(state.flapping.size(), kMaxFlapping);
  out.number(flapping, 1);
  for (std::size_t i = 0; i < flapping; ++i) {
    out.text(state.flapping[i].name);
    out.number(state.flapping[i].penalty, 2);
  }
  return out.take();
}

std::optional<UserState> decode_user_state(std::string_view bytes) {
  FieldReader in(bytes);
  if (in.raw(kMagic.size()) != kMagic || in.of<std::uint8_t>() != kUserStateFormat)
    return std::nullopt;
  UserState state;
  state.cluster = in.text();
  state.name = in.text();
  state.boot = BootId{in.of<std::uint64_t>()};
  const auto lists = in.of<std::uint8_t>();
  for (std::size_t i = 0; i < lists && in.good(); ++i) {
    const auto count = in.of<std::uint16_t>();
    // Before memory is taken for it.
    if (count > kMaxCaches || in.left() < 8 * std::size_t{count}) return std::nullopt;
    std::vector<CacheId>& list = state.lists.emplace_back(count);
    for (CacheId& cache : list) cache = CacheId{in.of<std::uint64_t>()};
  }
  const auto flapping = in.of<std::uint8_t>();
  if (flapping > kMaxFlapping) return std::nullopt;
  for (std::size_t i = 0; i < flapping && in.good(); ++i) {
    std::string name(in.text());
    state.flapping.push_back({std::move(name), in.of<std::uint16_t>()});
  }
  if (!in.good()) return std::nullopt;
  return state;
}

}  // namespace kith::membership
