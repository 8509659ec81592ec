// SPDX-License-Identifier: Apache-2.0
#include "tile_service.h"

#include <boost/json.hpp>
#include <ctime>
#include <map>
#include <string>
#include <utility>

#include "page.h"
#include "png_file.h"
#include "renderer.h"
#include "tile_key.h"

namespace tiles {
namespace {

using kith::ErrorCode;
using kith::Value;
using kith::literals::operator""_MiB;  // NOLINT(misc-unused-using-decls): it is used
namespace json = boost::json;

constexpr auto kGetTimeout = std::chrono::seconds(30);

HttpReply text_reply(unsigned status, std::string text) {
  return {.status = status, .body = Value::adopt(std::move(text) + "\n")};
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::timed_out:
      return 504;
    case ErrorCode::cancelled:
    case ErrorCode::resource_exhausted:
    case ErrorCode::unavailable:
      return 503;
    default:
      return 500;
  }
}

HttpReply error_reply(const kith::Error& error) {
  return text_reply(http_status(error.code),
                    std::string(to_string(error.code)) + ": " + error.message);
}

/// What the calling thread has used of the processor: what a render costs, however busy the
/// machine.
std::chrono::microseconds thread_cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
}

/// One word for a member: its health, or of a healthy one how far it takes part.
std::string_view state_of(const kith::Member& member) {
  return member.health == kith::Member::Health::ok ? to_string(member.phase)
                                                   : to_string(member.health);
}

std::int64_t milliseconds_since_epoch(std::chrono::system_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

HttpReply json_reply(const json::value& document) {
  return {.content_type = "application/json",
          .body = Value::adopt(json::serialize(document) + "\n")};
}

}  // namespace

kith::Result<std::unique_ptr<TileService>> TileService::open(kith::Node& node, MemberBoard board) {
  auto counts = std::make_shared<RenderCounts>();
  // A tile never changes, so every node may keep copies of what it was asked for.
  auto cache =
      node.open("tiles", {.memory_bytes = 128_MiB, .coherence = kith::Coherence::immutable},
                [counts](const kith::LoadRequest& request) { return load(request, *counts); });
  if (!cache) return tl::unexpected(cache.error());
  return std::unique_ptr<TileService>(
      new TileService(node, std::move(board), *std::move(cache), std::move(counts)));
}

TileService::TileService(kith::Node& node, MemberBoard board, kith::Cache cache,
                         std::shared_ptr<const RenderCounts> counts)
    : node_(node), board_(std::move(board)), cache_(std::move(cache)), counts_(std::move(counts)) {}

kith::LoadResult TileService::load(const kith::LoadRequest& request, RenderCounts& counts) {
  const auto tile = parse_tile_key(request.key);
  if (!tile) return tile.error();
  ++counts.renders;
  const auto begin = thread_cpu_time();
  std::string file = encode_png(render(*tile).rgb, kTileSide, kTileSide, request.key);
  counts.cpu_us += static_cast<std::uint64_t>((thread_cpu_time() - begin).count());
  if (file.empty()) return kith::Error{ErrorCode::loader_failed, "libpng failed"};
  return file;
}

void TileService::handle(std::string_view target, HttpServer::Respond respond) {
  if (target == "/stats") return respond(stats_reply());
  if (target == "/members") return respond(members_reply());
  if (target == "/healthz") return respond(health_reply());
  if (target == "/" || target.starts_with("/?")) {
    return respond(
        {.content_type = "text/html; charset=utf-8", .body = Value::borrow_static(page_html())});
  }
  if (target.starts_with("/tiles/")) return answer_tile(target, std::move(respond));
  respond(text_reply(404, "there is /, /tiles/{zoom}/{x}/{y}.png, /stats, /members and /healthz"));
}

void TileService::answer_tile(std::string_view path, HttpServer::Respond respond) {
  ++requests_;
  const auto tile = parse_tile_path(path);
  if (!tile) return respond(error_reply(tile.error()));
  const std::string key = to_string(*tile);
  cache_.get_async(key,
                   [this, key, respond = std::move(respond)](kith::Result<kith::Answer> answer) {
                     respond(tile_reply(key, std::move(answer)));
                   },
                   {.timeout = kGetTimeout});
}

HttpReply TileService::tile_reply(const std::string& key, kith::Result<kith::Answer> answer) const {
  if (!answer) return error_reply(answer.error());
  if (!answer->value) return text_reply(404, "there is no such tile");
  return {.content_type = "image/png",
          .headers = {{"X-Kith-Source", std::string(to_string(answer->source))},
                      {"X-Kith-Owner", cache_.owner_of(key)},
                      {"X-Kith-Node", node_.name()}},
          .body = *std::move(answer->value)};
}

HttpReply TileService::health_reply() const {
  if (ready_) return text_reply(200, "ready");
  std::string text = "looking for the others:";
  for (const kith::PeerStatus& status : node_.peers()) {
    text += " " + status.name + " " + std::string(to_string(status.state));
  }
  return text_reply(503, std::move(text));
}

HttpReply TileService::stats_reply() const {
  const kith::CacheStats stats = cache_.stats();
  json::array peers;
  for (const kith::PeerStatus& status : node_.peers()) {
    peers.push_back({{"name", status.name}, {"state", std::string(to_string(status.state))}});
  }
  const json::value document = {
      {"node", node_.name()},
      {"requests", requests_.load()},
      {"renders", counts_->renders.load()},
      {"render_cpu_us", counts_->cpu_us.load()},
      {"gets",
       {{"local", stats.gets_local},
        {"mirror", stats.gets_mirror},
        {"peer", stats.gets_peer},
        {"origin", stats.gets_origin},
        {"failed", stats.gets_failed}}},
      {"served", stats.served},
      {"stand_ins", stats.stand_ins},
      {"entries", stats.entries},
      {"bytes", stats.bytes},
      {"peers", std::move(peers)},
  };
  return json_reply(document);
}

HttpReply TileService::members_reply() const {
  const auto members = node_.members();
  if (!members) return text_reply(404, "this process is in no pool: " + members.error().message);
  json::array list;
  for (const kith::Member& member : *members) {
    list.push_back({{"name", member.name},
                    {"state", std::string(state_of(member))},
                    {"gossip", member.gossip_address}});
  }
  json::array events;
  for (const MemberBoard::Event& event : board_.events()) {
    events.push_back(
        {{"at", milliseconds_since_epoch(event.at)}, {"what", event.what}, {"name", event.name}});
  }
  std::map<std::string, std::string> links;
  for (const kith::PeerStatus& status : node_.peers()) {
    links.emplace(status.name, to_string(status.state));
  }
  json::array owners;
  for (const std::string& name : board_.owners()) {
    owners.push_back({{"name", name}, {"link", links[name]}});
  }
  return json_reply({{"node", node_.name()},
                     {"members", std::move(list)},
                     {"owners", std::move(owners)},
                     {"events", std::move(events)}});
}

}  // namespace tiles
