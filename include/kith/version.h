// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace kith {

/// The order of the values of one key, assigned by the key's owner. Greater is newer. Versions of
/// different keys do not compare in any useful way.
struct Version {
  /// Rises with every change of owner: the time the owner began, made greater than any it met.
  std::uint64_t epoch = 0;
  /// Rises with every fill within an epoch.
  std::uint64_t sequence = 0;

  friend auto operator<=>(const Version&, const Version&) = default;
};

}  // namespace kith
