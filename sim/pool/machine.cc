// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/machine.h"

#include "sim/pool/cluster_machine.h"
#include "sim/pool/memberlist_machine.h"

namespace kith::sim::pool {

std::unique_ptr<Machine> make_machine(Variant variant, const Identity& identity, bool lifeguard,
                                      TimePoint now) {
  if (variant == Variant::kith) return make_cluster_machine(identity, lifeguard, now);
  return make_memberlist_machine(memberlist_options(identity, lifeguard), now);
}

}  // namespace kith::sim::pool
