// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "sim/simulation.h"

namespace kith::sim {

/// Callers on all other nodes want keys of one owner, to which `lose` happens in the middle of the
/// loads, or just before they begin. Checks that everybody is served by the same stand-in.
void lose_owner(Simulation& sim, const std::function<void(NodeIndex)>& lose);

}  // namespace kith::sim
