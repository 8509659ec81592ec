// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace kith::edge {

/// A thread that gets none of the process's signals: those are the host program's. `name` is for
/// debuggers; the system keeps 15 bytes of it.
std::thread quiet_thread(const std::string& name, absl::AnyInvocable<void()> body);

}  // namespace kith::edge
