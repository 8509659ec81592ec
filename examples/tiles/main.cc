// SPDX-License-Identifier: Apache-2.0
// A web server of map tiles whose processes share one cache through kith.
#include <kith/node.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "http_server.h"
#include "member_board.h"
#include "pod.h"
#include "tile_service.h"

namespace {

constexpr std::string_view kUsage =
    "usage: tiles --http HOST:PORT --listen HOST:PORT --gossip HOST:PORT [--name NAME]\n"
    "             [--seed HOST:PORT]... [--drain MILLISECONDS]\n"
    "       tiles --http HOST:PORT --pod [--drain MILLISECONDS]\n"
    "       tiles --http HOST:PORT --no-sharing\n"
    "  --http        where browsers come\n"
    "  --listen      where the other tiles processes ask for tiles\n"
    "  --gossip      where they say who is there\n"
    "  --name        of this process among them; the --listen address unless told\n"
    "  --seed        another process's --gossip address; one that is up is enough, and the first\n"
    "                process of all needs none\n"
    "  --drain       when told to end, how long to answer while others take over its tiles\n"
    "  --pod         in Kubernetes: the rest is in the environment, see pod.h\n"
    "  --no-sharing  be alone: render every tile that is asked for here\n";

struct Options {
  std::string http;
  kith::NodeOptions node;
  /// How it finds the others.
  enum class Sharing { by_seeds, in_pod, none } sharing = Sharing::by_seeds;
  std::chrono::milliseconds drain{0};
};

std::optional<std::chrono::milliseconds> parse_milliseconds(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::milliseconds(number);
}

/// Empty: the arguments are wrong, and standard error says how.
std::optional<Options> parse(std::span<char*> arguments) {
  Options options;
  kith::GossipOptions gossip;
  gossip.cluster = "tiles";
  gossip.listen.clear();
  options.node.listen.clear();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--no-sharing" || name == "--pod") {
      options.sharing = name == "--pod" ? Options::Sharing::in_pod : Options::Sharing::none;
      continue;
    }
    const bool known = name == "--http" || name == "--listen" || name == "--gossip" ||
                       name == "--name" || name == "--seed" || name == "--drain";
    if (!known || i + 1 == arguments.size()) {
      std::cerr << "tiles: " << (known ? "a value is missing after " : "unknown option ") << name
                << "\n";
      return std::nullopt;
    }
    const char* value = arguments[++i];
    if (name == "--http") options.http = value;
    if (name == "--listen") options.node.listen = value;
    if (name == "--gossip") gossip.listen = value;
    if (name == "--name") options.node.name = value;
    if (name == "--seed") gossip.seeds.emplace_back(value);
    if (name == "--drain") {
      const auto time = parse_milliseconds(value);
      if (!time) {
        std::cerr << "tiles: --drain is no number of milliseconds\n";
        return std::nullopt;
      }
      options.drain = *time;
    }
  }
  const bool by_seeds = options.sharing == Options::Sharing::by_seeds;
  if (options.http.empty() ||
      (by_seeds && (options.node.listen.empty() || gossip.listen.empty()))) {
    std::cerr
        << "tiles: --http is needed, and --listen and --gossip unless --pod or --no-sharing\n";
    return std::nullopt;
  }
  if (by_seeds) {
    options.node.gossip = std::move(gossip);
  } else {
    options.node.listen.clear();
    options.node.name.clear();
  }
  return options;
}

/// Until the node has its share of the tiles and has met who has the others. What becomes of them
/// later is kith's to handle.
void wait_for_share(const std::stop_token& stop, const kith::Node& node,
                    tiles::TileService& service) {
  while (!stop.stop_requested()) {
    const auto met = node.wait_connected(std::chrono::milliseconds(200));
    if (met) return service.set_ready();
    if (met.error().code != kith::ErrorCode::timed_out) return;
  }
}

int serve(Options options) {
  if (options.sharing == Options::Sharing::in_pod) {
    auto found = tiles::options_in_pod();
    if (!found) {
      std::cerr << "tiles: " << found.error() << "\n";
      return EXIT_FAILURE;
    }
    options.node = *std::move(found);
  }
  options.node.loader_threads = 2;
  options.node.log = [](kith::LogLevel level, std::string_view line) {
    if (level >= kith::LogLevel::warning) std::cerr << line << std::endl;
  };
  const tiles::MemberBoard board;
  options.node.on_member_event = board.listener();
  auto node = kith::Node::start(std::move(options.node));
  if (!node) {
    std::cerr << "tiles: " << node.error() << "\n";
    return EXIT_FAILURE;
  }
  auto service = tiles::TileService::open(*node, board);
  if (!service) {
    std::cerr << "tiles: " << service.error() << "\n";
    return EXIT_FAILURE;
  }
  auto server = tiles::HttpServer::listen(
      options.http, [&](std::string_view target, tiles::HttpServer::Respond respond) {
        (*service)->handle(target, std::move(respond));
      });
  if (!server) {
    std::cerr << "tiles: " << server.error() << "\n";
    return EXIT_FAILURE;
  }
  std::jthread waiter([&](const std::stop_token& stop) { wait_for_share(stop, *node, **service); });
  server->run_until_signal();
  waiter = {};
  if (options.drain > std::chrono::milliseconds(0) && node->drain()) server->run_on(options.drain);
  // Before the server and the service go: the node may still owe answers to them.
  node->stop();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = parse({argv, static_cast<std::size_t>(argc)});
  if (!options) {
    std::cerr << kUsage;
    return 2;
  }
  return serve(*std::move(options));
}
