// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <kith/time.h>

namespace kith::edge {

/// The process's monotonic time. It counts the time that the machine was suspended too, so that an
/// entry expires while it sleeps. Thread-safe.
TimePoint clock_now();

}  // namespace kith::edge
