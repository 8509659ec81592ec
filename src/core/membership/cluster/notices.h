// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/membership/cluster/node_data.h"

// What kith nodes say to each other in memberlist's user messages. None of it is believed without
// looking: the names must be members', the boots and incarnations the present ones.
namespace kith::membership {

/// Names in kith's own bytes.
inline constexpr std::size_t kMaxName = 255;

/// Different nodes that say the same of one: so many change something, further ones nothing.
inline constexpr std::size_t kMaxAccusers = 3;

/// The process with this boot closed its connections to the observers and is not there any more.
/// Refuted by a higher incarnation.
struct ProcessGone {
  std::string name;
  BootId boot;
  std::uint32_t incarnation = 0;
  std::vector<std::string> observers;

  friend bool operator==(const ProcessGone&, const ProcessGone&) = default;
};

/// The accusers probed a node themselves and got no answer. All that the sender knows of travel
/// together: of single messages about one node the later would replace the earlier on the way.
struct Accused {
  std::string name;
  std::uint32_t incarnation = 0;
  std::vector<std::string> accusers;

  friend bool operator==(const Accused&, const Accused&) = default;
};

/// The node failed and came back so often that it owns no keys until `penalty` is down. See
/// Damping.
struct Flapping {
  std::string name;
  std::uint16_t penalty = 0;

  friend bool operator==(const Flapping&, const Flapping&) = default;
};

/// Please tell `asker` the list with this content.
struct CacheListWanted {
  CacheListDigest digest;
  std::string asker;

  friend bool operator==(const CacheListWanted&, const CacheListWanted&) = default;
};

/// Part of a list of caches, from its `first` element on.
struct CacheListPart {
  CacheListDigest digest;
  std::uint16_t first = 0;
  std::vector<CacheId> caches;
  /// For everybody, not only for who asked.
  bool pass_on = false;

  friend bool operator==(const CacheListPart&, const CacheListPart&) = default;
};
inline constexpr std::size_t kCachesInPart = 100;

using Notice = std::variant<ProcessGone, Accused, Flapping, CacheListWanted, CacheListPart>;

/// Requires names within kMaxName, and lists within their bounds.
std::string encode(const Notice& notice);
/// Empty: it is not kith's, or of a later version, or damaged.
std::optional<Notice> decode_notice(std::string_view bytes);

}  // namespace kith::membership
