// SPDX-License-Identifier: Apache-2.0
//
// Follows one source of seeds and prints what it tells, a line each, until standard input ends:
//
//   seeds ADDRESS...    trouble MESSAGE    recovered    stopped MILLISECONDS
#include <kith/discovery.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using kith::Discovery;
using kith::Result;
using Milliseconds = std::chrono::milliseconds;

/// All sources' options under the names that they share.
struct Arguments {
  std::string kind;
  std::vector<std::string> addresses;
  std::vector<std::string> servers;
  std::string name;
  std::uint16_t port = 0;
  std::string port_name;
  std::string in_namespace = "default";
  std::vector<std::string> urls;
  std::string ca_file;
  std::string token_file;
  std::string token;
  std::string tag;
  bool only_passing = false;
  bool insecure = false;
  std::string register_address;
  std::string user;
  std::string password;
  int lease_seconds = 2;
  int refresh_ms = 1000;
  int timeout_ms = 5000;
  int watch_ms = 60'000;
};

std::string url(const Arguments& arguments) {
  return arguments.urls.empty() ? "" : arguments.urls.front();
}

Result<std::shared_ptr<Discovery>> make(const Arguments& arguments) {
  const Milliseconds timeout(arguments.timeout_ms);
  if (arguments.kind == "static") return kith::static_seeds(arguments.addresses);
  if (arguments.kind == "dns") {
    return kith::dns_seeds({.name = arguments.name,
                            .port = arguments.port,
                            .refresh = Milliseconds(arguments.refresh_ms),
                            .servers = arguments.servers,
                            .timeout = timeout});
  }
  if (arguments.kind == "srv") {
    return kith::dns_srv_seeds({.name = arguments.name,
                                .refresh = Milliseconds(arguments.refresh_ms),
                                .servers = arguments.servers,
                                .timeout = timeout});
  }
  if (arguments.kind == "kubernetes") {
    return kith::kubernetes_seeds({.in_namespace = arguments.in_namespace,
                                   .service = arguments.name,
                                   .port_name = arguments.port_name,
                                   .port = arguments.port,
                                   .api_server = url(arguments),
                                   .token_file = arguments.token_file,
                                   .ca_file = arguments.ca_file,
                                   .watch_time = Milliseconds(arguments.watch_ms),
                                   .timeout = timeout,
                                   .insecure_skip_tls_verification = arguments.insecure});
  }
  if (arguments.kind == "consul") {
    return kith::consul_seeds({.service = arguments.name,
                               .url = url(arguments),
                               .tag = arguments.tag,
                               .only_passing = arguments.only_passing,
                               .token = arguments.token,
                               .token_file = arguments.token_file,
                               .ca_file = arguments.ca_file,
                               .wait = Milliseconds(arguments.watch_ms),
                               .timeout = timeout});
  }
  return kith::etcd_seeds({.prefix = arguments.name,
                           .urls = arguments.urls,
                           .register_address = arguments.register_address,
                           .lease = std::chrono::seconds(arguments.lease_seconds),
                           .user = arguments.user,
                           .password = arguments.password,
                           .ca_file = arguments.ca_file,
                           .timeout = timeout});
}

Discovery::Listener printer() {
  return {.on_seeds =
              [](const std::vector<kith::Seed>& seeds) {
                std::cout << "seeds";
                for (const kith::Seed& seed : seeds) std::cout << ' ' << seed.to_string();
                std::cout << std::endl;
              },
          .on_trouble =
              [](std::string_view message) { std::cout << "trouble " << message << std::endl; },
          .on_recovery = [] { std::cout << "recovered" << std::endl; }};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Follows one source of seeds");
  app.add_option("kind", arguments.kind)
      ->required()
      ->check(CLI::IsMember({"static", "dns", "srv", "kubernetes", "consul", "etcd"}));
  app.add_option("--address", arguments.addresses);
  app.add_option("--server", arguments.servers);
  app.add_option("--name", arguments.name, "of the record, the service, or the prefix");
  app.add_option("--port", arguments.port);
  app.add_option("--port-name", arguments.port_name);
  app.add_option("--namespace", arguments.in_namespace);
  app.add_option("--url", arguments.urls);
  app.add_option("--ca-file", arguments.ca_file);
  app.add_option("--token-file", arguments.token_file);
  app.add_option("--token", arguments.token);
  app.add_option("--tag", arguments.tag);
  app.add_flag("--only-passing", arguments.only_passing);
  app.add_flag("--insecure", arguments.insecure);
  app.add_option("--register", arguments.register_address);
  app.add_option("--user", arguments.user);
  app.add_option("--password", arguments.password);
  app.add_option("--lease-seconds", arguments.lease_seconds);
  app.add_option("--refresh-ms", arguments.refresh_ms);
  app.add_option("--timeout-ms", arguments.timeout_ms);
  app.add_option("--watch-ms", arguments.watch_ms);
  CLI11_PARSE(app, argc, argv);

  const auto source = make(arguments);
  if (!source) {
    std::cout << "refused " << source.error() << std::endl;
    return 2;
  }
  if (const auto started = (*source)->start(printer()); !started) {
    std::cout << "refused " << started.error() << std::endl;
    return 2;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  const auto began = std::chrono::steady_clock::now();
  (*source)->stop();
  const auto took = std::chrono::steady_clock::now() - began;
  std::cout << "stopped " << std::chrono::duration_cast<Milliseconds>(took).count() << std::endl;
  return 0;
}
