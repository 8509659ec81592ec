// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace kith {

/// The order of the values of one key, assigned by the key's owner. Greater is newer, as far as
/// the owners' clocks agree. Versions of
/// different keys do not compare in any useful way.
struct Version {
  /// When the owner began to own the key: milliseconds since 1970, times 65536, plus some.
  std::uint64_t epoch = 0;
  /// Rises with every fill within an epoch.
  std::uint64_t sequence = 0;

  friend auto operator<=>(const Version&, const Version&) = default;
};

}  // namespace kith
