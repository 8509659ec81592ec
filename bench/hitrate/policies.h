// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bench/hitrate/policy.h"

namespace kith::bench::hitrate {

/// A policy that can be asked for by name.
struct PolicyKind {
  std::string_view name;
  std::unique_ptr<Policy> (*make)(const CacheSpec& spec);
  /// Run unless the command line names others.
  bool by_default = true;
};

/// The real store's name, and the optimum's, which tables treat in their own way.
inline constexpr std::string_view kKithName = "kith";
inline constexpr std::string_view kMinName = "MIN";

/// All there are; the real store first, the optimum last.
std::span<const PolicyKind> policy_kinds();
/// Null: there is none of that name.
const PolicyKind* policy_named(std::string_view name);
/// All of them in one line, for messages.
std::string policy_names();

}  // namespace kith::bench::hitrate
