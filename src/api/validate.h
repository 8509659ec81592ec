// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/options.h>
#include <kith/result.h>

#include <span>
#include <string>
#include <string_view>

// What users may pass. Each error names the field, what it holds and what it may hold.
namespace kith::api {

Result<void> validate(const NodeOptions& options);
Result<void> validate(const CacheOptions& options);
Result<void> validate_cache_memory(std::uint64_t bytes);
Result<void> validate_cache_name(std::string_view name);
Result<void> validate_key(std::string_view key);
Result<void> validate_peers(std::span<const Peer> peers);
/// A node with `peers` must listen.
Result<void> validate_reachable(std::string_view listen, std::span<const Peer> peers);
/// The first field in which two sets of options differ, with both values. Empty: they are equal.
std::string difference(const CacheOptions& a, const CacheOptions& b);

}  // namespace kith::api
