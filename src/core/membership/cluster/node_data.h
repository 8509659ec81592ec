// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

// What a kith node attaches to itself in memberlist's Meta.
namespace kith::membership {

/// How far a node takes part. Said by the node itself alone.
enum class Phase : std::uint8_t {
  starting = 0,  ///< A client of the others; owns nothing yet.
  ready = 1,     ///< Takes its share of the keys of the caches that it opened.
  draining = 2,  ///< Gives them up; still answers.
};

/// Versions of the peer link's protocol that a node speaks.
struct LinkVersions {
  std::uint8_t min = 1;
  std::uint8_t max = 1;

  friend bool operator==(const LinkVersions&, const LinkVersions&) = default;
};

/// A list of caches that is too long for Meta, known by its content. See Catalog.
struct CacheListDigest {
  std::uint64_t hash = 0;
  std::uint16_t count = 0;

  friend auto operator<=>(const CacheListDigest&, const CacheListDigest&) = default;
};

/// All that others must know of a kith node. Its bytes fit memberlist's Meta.
struct NodeData {
  Phase phase = Phase::starting;
  /// Where the peer link listens, at the node's gossip address.
  std::uint16_t data_port = 0;
  /// Share of the keys, 1 to placement::kMaxWeight.
  std::uint16_t weight = 1;
  /// At most kMaxZone bytes.
  std::string zone = {};
  BootId boot = {};
  LinkVersions link = {};
  /// Hash of the cluster's name.
  std::uint64_t cluster = 0;
  /// Opened caches, sorted and distinct, at most kMaxInlineCaches: all, or some of more.
  std::vector<CacheId> caches = {};
  /// While there are more, of all of them.
  std::optional<CacheListDigest> all_caches = {};

  friend bool operator==(const NodeData&, const NodeData&) = default;
};

inline constexpr std::size_t kMaxZone = 64;
/// A node may open this many caches.
inline constexpr std::size_t kMaxCaches = 4096;
/// Beyond this the list does not travel in Meta, which all members keep and exchange.
inline constexpr std::size_t kMaxInlineCaches = 32;

/// Requires that the bounds above are kept.
std::string encode(const NodeData& data);
/// Empty: this is not a kith node, or one of a later format. What follows the known fields is
/// passed over.
std::optional<NodeData> decode_node_data(std::string_view meta);
/// The hash of the cluster's name alone, without looking at the rest. Empty as above.
std::optional<std::uint64_t> cluster_of(std::string_view meta);

std::uint64_t cluster_hash(std::string_view name);
/// Requires that they are sorted and distinct.
CacheListDigest digest_of(const std::vector<CacheId>& caches);

}  // namespace kith::membership
