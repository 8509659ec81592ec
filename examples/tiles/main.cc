// SPDX-License-Identifier: Apache-2.0
// A web server of map tiles whose processes share one cache through kith.
#include <kith/node.h>

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
#include "tile_service.h"

namespace {

constexpr std::string_view kUsage =
    "usage: tiles --http HOST:PORT --listen HOST:PORT [--peer HOST:PORT]... [--no-sharing]\n"
    "  --http        where browsers come\n"
    "  --listen      where the other tiles processes come; also this one's name among them\n"
    "  --peer        another process's --listen address; once for each\n"
    "  --no-sharing  have no peers: render every tile that is asked for here\n";

struct Options {
  std::string http;
  kith::NodeOptions node;
};

/// Empty: the arguments are wrong, and standard error says how.
std::optional<Options> parse(std::span<char*> arguments) {
  Options options;
  options.node.listen.clear();
  bool sharing = true;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--no-sharing") {
      sharing = false;
      continue;
    }
    const bool known = name == "--http" || name == "--listen" || name == "--peer";
    if (!known || i + 1 == arguments.size()) {
      std::cerr << "tiles: " << (known ? "a value is missing after " : "unknown option ") << name
                << "\n";
      return std::nullopt;
    }
    const char* value = arguments[++i];
    if (name == "--http") options.http = value;
    if (name == "--listen") options.node.listen = value;
    if (name == "--peer") options.node.peers.emplace_back(value);
  }
  if (options.http.empty() || options.node.listen.empty()) {
    std::cerr << "tiles: --http and --listen are needed\n";
    return std::nullopt;
  }
  if (!sharing) options.node.peers.clear();
  return options;
}

/// Until every peer was met once. What becomes of them later is kith's to handle.
void wait_for_peers(const std::stop_token& stop, const kith::Node& node,
                    tiles::TileService& service) {
  while (!stop.stop_requested()) {
    const auto met = node.wait_connected(std::chrono::milliseconds(200));
    if (met) return service.set_ready();
    if (met.error().code != kith::ErrorCode::timed_out) return;
  }
}

int serve(Options options) {
  options.node.loader_threads = 2;
  options.node.log = [](kith::LogLevel level, std::string_view line) {
    if (level >= kith::LogLevel::warning) std::cerr << line << std::endl;
  };
  auto node = kith::Node::start(std::move(options.node));
  if (!node) {
    std::cerr << "tiles: " << node.error() << "\n";
    return EXIT_FAILURE;
  }
  auto service = tiles::TileService::open(*node);
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
  std::jthread waiter([&](const std::stop_token& stop) { wait_for_peers(stop, *node, **service); });
  server->run_until_signal();
  waiter = {};
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
