// SPDX-License-Identifier: Apache-2.0
#include "edge/discovery/consul_format.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "edge/discovery/json_text.h"

namespace kith::edge::discovery {

namespace {

using nlohmann::json;

Result<Seed> parse_instance(const json& instance) {
  std::string_view address;
  std::uint64_t port = 0;
  std::string_view node_address;
  if (const json* const service = member(&instance, "Service"); service != nullptr) {
    address = text(service, "Address");
    port = number(service, "Port").value_or(0);
    node_address = text(member(&instance, "Node"), "Address");
  } else {
    address = text(&instance, "ServiceAddress");
    port = number(&instance, "ServicePort").value_or(0);
    node_address = text(&instance, "Address");
  }
  return make_seed(address.empty() ? node_address : address, port);
}

}  // namespace

Result<Found> parse_consul_instances(std::string_view bytes) {
  auto parsed = parse_json(bytes);
  if (!parsed) return tl::unexpected<Error>(std::move(parsed).error());
  if (!parsed->is_array()) return malformed("no list of instances");
  Found found;
  for (const json& instance : *parsed) {
    auto seed = parse_instance(instance);
    if (seed) {
      found.seeds.push_back(*std::move(seed));
    } else {
      found.complain("an instance's address is " + seed.error().message);
    }
  }
  return found;
}

}  // namespace kith::edge::discovery
