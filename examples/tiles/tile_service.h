// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/cache.h>
#include <kith/node.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "http_server.h"
#include "member_board.h"

namespace tiles {

/// What a tiles process answers over HTTP:
///
///   /tiles/{z}/{x}/{y}.png  the tile, through the cache; the headers X-Kith-Source (local, mirror,
///                           peer, origin), X-Kith-Owner and X-Kith-Node tell its story
///   /stats                  counters, as JSON
///   /members                the pool as this process sees it, as JSON
///   /healthz                200 once the node has its share of the tiles, 503 before
///   /                       the live page
///
/// Thread-safe. The node must outlive it.
class TileService {
 public:
  /// Opens the cache "tiles" on `node`; `board` listens to its members. Errors: as Node::open.
  static kith::Result<std::unique_ptr<TileService>> open(kith::Node& node, MemberBoard board);

  /// Answers a GET for `target` through `respond`, once, before or after it returns.
  void handle(std::string_view target, HttpServer::Respond respond);

  /// From now on /healthz says 200.
  void set_ready() { ready_ = true; }

 private:
  /// Shared with the loader, which may outlive the service.
  struct RenderCounts {
    std::atomic<std::uint64_t> renders{0};
    std::atomic<std::uint64_t> cpu_us{0};
  };

  TileService(kith::Node& node, MemberBoard board, kith::Cache cache,
              std::shared_ptr<const RenderCounts> counts);

  static kith::LoadResult load(const kith::LoadRequest& request, RenderCounts& counts);
  void answer_tile(std::string_view path, HttpServer::Respond respond);
  HttpReply tile_reply(const std::string& key, kith::Result<kith::Answer> answer) const;
  HttpReply health_reply() const;
  HttpReply stats_reply() const;
  HttpReply members_reply() const;

  kith::Node& node_;
  const MemberBoard board_;
  kith::Cache cache_;
  std::shared_ptr<const RenderCounts> counts_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<bool> ready_{false};
};

}  // namespace tiles
