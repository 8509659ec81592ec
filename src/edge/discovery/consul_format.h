// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/result.h>

#include <string_view>

#include "edge/discovery/report.h"

namespace kith::edge::discovery {

/// Reads Consul's answer about a service, of /v1/catalog/service as of /v1/health/service. An
/// instance without an address of its own is at its node's. Errors: unavailable, in words.
Result<Found> parse_consul_instances(std::string_view json);

}  // namespace kith::edge::discovery
