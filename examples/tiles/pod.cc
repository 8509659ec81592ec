// SPDX-License-Identifier: Apache-2.0
#include "pod.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiles {
namespace {

using kith::ErrorCode;
using kith::fail;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// "10.0.0.1:7400", "[2001:db8::1]:7400"
std::string at(const std::string& ip, const std::string& port) {
  return ip.find(':') == std::string::npos ? ip + ':' + port : '[' + ip + "]:" + port;
}

kith::Result<std::vector<std::string>> read_lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
  if (!lines.empty()) return lines;
  return fail(ErrorCode::unavailable, "KITH_GOSSIP_KEYS: no keys can be read from " + path);
}

}  // namespace

kith::Result<kith::NodeOptions> options_in_pod() {
  for (const char* needed :
       {"POD_NAME", "POD_IP", "KITH_SERVICE", "KITH_DATA_PORT", "KITH_GOSSIP_PORT",
        "KITH_GOSSIP_KEYS", "KITH_TLS", "KITH_PEER_NAMES"}) {
    if (variable(needed).empty()) {
      return fail(ErrorCode::invalid_argument, std::string(needed) + " is not set");
    }
  }
  auto keys = read_lines(variable("KITH_GOSSIP_KEYS"));
  if (!keys) return tl::unexpected(keys.error());
  auto seeds = kith::kubernetes_seeds({.in_namespace = variable("KITH_NAMESPACE"),
                                       .service = variable("KITH_SERVICE"),
                                       .port_name = "gossip",
                                       .api_server = variable("KITH_KUBERNETES_API")});
  if (!seeds) return tl::unexpected(seeds.error());

  const std::string folder = variable("KITH_TLS");
  kith::NodeOptions options;
  // A pod of a StatefulSet comes back with its name and another address: it owns what it owned.
  options.name = variable("POD_NAME");
  options.listen = at(variable("POD_IP"), variable("KITH_DATA_PORT"));
  options.tls = kith::TlsOptions{.certificate_file = folder + "/tls.crt",
                                 .key_file = folder + "/tls.key",
                                 .ca_file = folder + "/ca.crt",
                                 .peer_names = {variable("KITH_PEER_NAMES")}};
  options.gossip.emplace();
  options.gossip->cluster = "tiles";
  options.gossip->listen = at(variable("POD_IP"), variable("KITH_GOSSIP_PORT"));
  options.gossip->keys = *std::move(keys);
  options.gossip->discovery = {*std::move(seeds)};
  return options;
}

}  // namespace tiles
