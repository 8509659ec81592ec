// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/machine.h"

#include "sim/pool/memberlist_machine.h"

namespace kith::sim::pool {

std::unique_ptr<Machine> make_machine(Variant variant, const Identity& identity, bool lifeguard,
                                      TimePoint now) {
  membership::Options options = memberlist_options(identity, lifeguard);
  if (variant == Variant::kith) {
    options.verify_moves = options.corrections = options.nacks_in_time = true;
    options.own_stall = std::chrono::milliseconds(100);
  }
  return make_memberlist_machine(options, now);
}

}  // namespace kith::sim::pool
