// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "sim/pool/machine.h"

namespace kith::sim::pool {

/// A node of `Cluster`: all that kith is. `lifeguard` as in make_machine.
std::unique_ptr<Machine> make_cluster_machine(const Identity& identity, bool lifeguard,
                                              TimePoint now);

}  // namespace kith::sim::pool
