// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/membership/options.h"
#include "sim/pool/machine.h"

namespace kith::sim::pool {

/// memberlist's rules and its defaults for a local network: what kith adds is off. Two things stay,
/// which make no difference to the figures: gossip that had nothing to say goes out at once when
/// there is something, and in a pool of two no probe tick is idle.
membership::Options memberlist_options(const Identity& identity, bool lifeguard);

/// A node of `Membership` alone. It joins its seeds once, when it is told of them, as programs that
/// use memberlist do.
std::unique_ptr<Machine> make_memberlist_machine(const membership::Options& options, TimePoint now);

}  // namespace kith::sim::pool
