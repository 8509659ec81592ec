// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/discovery/report.h"

// etcd's requests and answers as its JSON gateway (/v3/...) has them: keys and values in base64,
// 64-bit numbers as text, one line for each answer of a stream.
namespace kith::edge::discovery {

struct EtcdEntry {
  std::string key;
  std::string value;
};

/// All keys below a prefix, at one moment.
struct EtcdRange {
  std::vector<EtcdEntry> entries;
  /// Whose revisions these are.
  std::string cluster;
  /// That moment. A watch begins with the next.
  std::uint64_t revision = 0;
  /// There are more keys than were asked for.
  bool more = false;
};

struct EtcdChange {
  std::string key;
  /// Empty: deleted.
  std::optional<std::string> value;
};

/// One line of a watch.
struct EtcdWatchAnswer {
  std::vector<EtcdChange> changes;
  std::string cluster;
  /// The first line of a watch: `revision` is the store's, and nothing was told yet. Otherwise
  /// everything up to it has been told.
  bool created = false;
  /// 0: the line does not say.
  std::uint64_t revision = 0;
  /// The history that the watch asked for is no longer kept: read the range again.
  bool compacted = false;
};

std::string etcd_range_request(std::string_view prefix, std::size_t limit);
std::string etcd_watch_request(std::string_view prefix, std::uint64_t first_revision);
std::string etcd_put_request(std::string_view key, std::string_view value, std::uint64_t lease);
std::string etcd_grant_request(std::uint64_t seconds);
/// Of /v3/lease/keepalive and /v3/lease/revoke.
std::string etcd_lease_request(std::uint64_t lease);
std::string etcd_login_request(std::string_view user, std::string_view password);

/// Errors of all of them: unavailable, in words, etcd's own where it sends some.
Result<EtcdRange> parse_etcd_range(std::string_view json);
Result<EtcdWatchAnswer> parse_etcd_watch(std::string_view line);
/// The new lease's number.
Result<std::uint64_t> parse_etcd_grant(std::string_view json);
/// Whether the lease still lives.
Result<bool> parse_etcd_keepalive(std::string_view line);
Result<std::string> parse_etcd_login(std::string_view json);

/// The seed that an entry's value names: "host:port" or {"Addr": "host:port"}. Errors:
/// invalid_argument.
Result<Seed> parse_etcd_seed(std::string_view value);

}  // namespace kith::edge::discovery
